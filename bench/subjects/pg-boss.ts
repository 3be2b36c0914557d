import pg from "pg";
import { PgBoss } from "pg-boss";
import { type Input, type Place, RESULT, type Subject } from "../contract.ts";

const QUEUE = "noop";
const BULK = 1000;

class Boss implements Subject {
  #boss!: PgBoss;
  #db!: pg.Pool;

  async open({ url, first }: Place): Promise<void> {
    this.#db = new pg.Pool({ connectionString: url, max: 1 });
    this.#boss = new PgBoss({
      connectionString: url,
      max: 20,
      useListenNotify: true,
      schedule: false,
    });
    // Without a listener an error event would end the process; what goes wrong shows in runs that do not finish.
    this.#boss.on("error", (error) => console.error(error));
    await this.#boss.start();
    if (first) await this.#boss.createQueue(QUEUE, { notify: true });
  }

  async enqueue(count: number, input: Input): Promise<void> {
    for (let done = 0; done < count; done += BULK) {
      const size = Math.min(BULK, count - done);
      await this.#boss.insert(
        QUEUE,
        Array.from({ length: size }, () => ({ data: input })),
      );
    }
  }

  async enqueueOne(input: Input): Promise<void> {
    await this.#boss.send(QUEUE, input);
  }

  async work(started: (input: Input) => void): Promise<void> {
    const options = {
      batchSize: 1000,
      localConcurrency: 2,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
      notifyPollingIntervalSeconds: 0.5,
    };
    await this.#boss.work(QUEUE, options, async (jobs) => {
      for (const job of jobs) started(job.data as Input);
      return RESULT;
    });
  }

  async rest(): Promise<void> {
    await this.#boss.offWork(QUEUE, { wait: true });
  }

  async unfinished(): Promise<number> {
    const { rows } = await this.#db.query<{ jobs: number }>(
      `select count(*)::int as jobs from pgboss.job where name = $1 and state < 'completed'`,
      [QUEUE],
    );
    return rows[0]!.jobs;
  }

  async fillHistory(count: number): Promise<void> {
    await this.#db.query(
      `insert into pgboss.job (name, data, state, output, started_on, completed_on)
       select $2, $3, 'completed', $4, now(), now() from generate_series(1, $1::int)`,
      [count, QUEUE, { order: "", customer: 1, note: "" }, RESULT],
    );
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false });
    await this.#db.end();
  }
}

export function open(): Subject {
  return new Boss();
}
