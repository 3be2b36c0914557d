import { DBOS, DBOSClient } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { type Input, type Place, RESULT, type Subject } from "../contract.ts";

const QUEUE = "noop";
const VERSION = "bench";
const BULK = 100;
const LANES = 4;

class Dbos implements Subject {
  #client!: DBOSClient;
  #pool!: pg.Pool;
  #started: (input: Input) => void = () => {};

  async open({ url, first }: Place): Promise<void> {
    DBOS.setConfig({
      name: "bench",
      systemDatabaseUrl: url,
      systemDatabasePoolSize: 20,
      applicationVersion: VERSION,
      logLevel: "error",
    });
    DBOS.registerWorkflow(
      async (input: Input) => {
        this.#started(input);
        for (let n = 1; n <= (input.steps ?? 0); n++) {
          await DBOS.runStep(() => Promise.resolve(RESULT), { name: `step ${n}` });
        }
        return RESULT;
      },
      { name: "noop" },
    );
    // Makes the tables and the queue.
    if (first) {
      await DBOS.launch();
      await this.#registerQueue();
      await DBOS.shutdown();
    }
    this.#pool = new pg.Pool({ connectionString: url, max: LANES });
    this.#client = await DBOSClient.create({
      systemDatabaseUrl: url,
      systemDatabasePoolSize: 20,
      applicationName: "bench",
    });
  }

  async #registerQueue(): Promise<void> {
    await DBOS.registerQueue(QUEUE, {
      workerConcurrency: 200,
      minPollingIntervalMs: 10,
      onConflict: "always_update",
    });
  }

  async enqueue(count: number, input: Input): Promise<void> {
    let left = count;
    const lane = async () => {
      const client = await this.#pool.connect();
      while (left > 0) {
        const size = Math.min(BULK, left);
        left -= size;
        await client.query("begin");
        for (let n = 0; n < size; n++) {
          await this.#client.enqueueInTransaction(client, OPTIONS, input);
        }
        await client.query("commit");
      }
      client.release();
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async enqueueOne(input: Input): Promise<void> {
    await this.#client.enqueue(OPTIONS, input);
  }

  async work(started: (input: Input) => void): Promise<void> {
    this.#started = started;
    await DBOS.launch();
    await this.#registerQueue();
  }

  async rest(): Promise<void> {
    await DBOS.shutdown();
  }

  async unfinished(): Promise<number> {
    const { rows } = await this.#pool.query<{ runs: number }>(
      "select count(*)::int as runs from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')",
    );
    return rows[0]!.runs;
  }

  async close(): Promise<void> {
    await this.#client.destroy();
    await this.#pool.end();
  }
}

const OPTIONS = { workflowName: "noop", queueName: QUEUE, appVersion: VERSION };

export function open(): Subject {
  return new Dbos();
}
