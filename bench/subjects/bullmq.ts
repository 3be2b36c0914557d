import { type Backend, Queue, Worker, createPostgresBackend } from "bullmq";
import { type Input, type Place, RESULT, type Subject } from "../contract.ts";

const NAME = "noop";
const BULK = 500;
const CONCURRENCY = 100;

/** BullMQ on Redis, or with its PostgreSQL backend. Completed jobs stay, as its defaults have it. */
class BullMQ implements Subject {
  readonly #backend: Backend | undefined;
  #connection!: object;
  #queue!: Queue;
  #worker: Worker | undefined;

  constructor(variant: string | undefined) {
    this.#backend = variant === "postgres" ? createPostgresBackend : undefined;
  }

  async open({ url, first }: Place): Promise<void> {
    // A worker's connection must wait for Redis for as long as it takes (BullMQ's "Connections" page).
    this.#connection = this.#backend
      ? { connectionString: url, max: 20, migrate: first }
      : { url, maxRetriesPerRequest: null };
    this.#queue = new Queue(NAME, { connection: this.#connection }, this.#backend);
    await this.#queue.waitUntilReady();
  }

  async enqueue(count: number, input: Input): Promise<void> {
    for (let done = 0; done < count; done += BULK) {
      const size = Math.min(BULK, count - done);
      await this.#queue.addBulk(Array.from({ length: size }, () => ({ name: NAME, data: input })));
    }
  }

  async enqueueOne(input: Input): Promise<void> {
    await this.#queue.add(NAME, input);
  }

  async work(started: (input: Input) => void): Promise<void> {
    this.#worker = new Worker(
      NAME,
      async (job) => {
        started(job.data as Input);
        return RESULT;
      },
      { connection: this.#connection, concurrency: CONCURRENCY },
      this.#backend,
    );
    await this.#worker.waitUntilReady();
  }

  async rest(): Promise<void> {
    await this.#worker?.close();
  }

  async unfinished(): Promise<number> {
    const { waiting = 0, active = 0 } = await this.#queue.getJobCounts("waiting", "active");
    return waiting + active;
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

export function open(variant?: string): Subject {
  return new BullMQ(variant);
}
