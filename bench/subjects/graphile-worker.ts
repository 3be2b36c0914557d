import { Logger, type Runner, type WorkerUtils, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { type Input, type Place, type Subject } from "../contract.ts";

const TASK = "noop";
const BULK = 1000;

/** A run that is done is deleted: graphile-worker keeps neither outcome nor result. */
class Graphile implements Subject {
  readonly #logger = new Logger(() => (level, message) => {
    if (level === "error") console.error(message);
  });
  #pool!: pg.Pool;
  #utils!: WorkerUtils;
  #runner: Runner | undefined;

  async open({ url, first }: Place): Promise<void> {
    this.#pool = new pg.Pool({ connectionString: url, max: 20 });
    this.#utils = await makeWorkerUtils({ pgPool: this.#pool, logger: this.#logger });
    if (first) await this.#utils.migrate();
  }

  async enqueue(count: number, input: Input): Promise<void> {
    for (let done = 0; done < count; done += BULK) {
      const size = Math.min(BULK, count - done);
      await this.#utils.addJobs(
        Array.from({ length: size }, () => ({ identifier: TASK, payload: input })),
      );
    }
  }

  async enqueueOne(input: Input): Promise<void> {
    await this.#utils.addJob(TASK, input);
  }

  async work(started: (input: Input) => void): Promise<void> {
    this.#runner = await run({
      pgPool: this.#pool,
      logger: this.#logger,
      noHandleSignals: true,
      preset: {
        worker: {
          concurrentJobs: 50,
          localQueue: { size: 1000 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
      taskList: { [TASK]: async (payload) => started(payload as Input) },
    });
  }

  async rest(): Promise<void> {
    await this.#runner?.stop();
  }

  async unfinished(): Promise<number> {
    // What is left is all there is in this table, but dead rows make counting slow: whether there is one is enough.
    const { rows } = await this.#pool.query<{ any: boolean }>(
      "select exists (select from graphile_worker._private_jobs) as any",
    );
    return rows[0]!.any ? 1 : 0;
  }

  async close(): Promise<void> {
    await this.#utils.release();
    await this.#pool.end();
  }
}

export function open(): Subject {
  return new Graphile();
}
