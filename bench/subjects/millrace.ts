import { type Context, defineJob } from "@millrace/sdk";
import {
  Bell,
  type Database,
  Intake,
  JobRegistry,
  type Logger,
  PostgresTransport,
  Worker,
  createLogger,
  migrate,
  openDatabase,
} from "millrace";
import { z } from "zod";
import { type Input, type Place, RESULT, type Subject } from "../contract.ts";

const BULK = 1000;

/** Millrace as it is used: inputs checked on the way in and before the handler, every run with its outcome on record. */
class Millrace implements Subject {
  readonly #logger: Logger = createLogger("error");
  readonly #registry: JobRegistry;
  #started: (input: Input) => void = () => {};
  #connection!: () => { connectionString: string };
  #db!: Database;
  #transport!: PostgresTransport;
  #bell!: Bell;
  #intake!: Intake;
  #worker: Worker | undefined;

  constructor() {
    const noop = defineJob({
      name: "noop",
      input: z.object({
        order: z.string(),
        customer: z.number(),
        note: z.string(),
        steps: z.number().optional(),
        sentAt: z.number().optional(),
      }),
      run: (input, ctx) => {
        this.#started(input as Input);
        return input.steps === undefined ? RESULT : inSteps(input.steps, ctx);
      },
    });
    this.#registry = new JobRegistry([noop]);
  }

  async open({ url, first }: Place): Promise<void> {
    this.#connection = () => ({ connectionString: url });
    this.#db = openDatabase({
      connection: this.#connection,
      applicationName: "millrace bench",
      maxConnections: 8,
    });
    if (first) {
      await migrate(this.#db);
      await this.#db.query("select millrace.ensure_partitions(current_date - 1, 4)");
    }
    await this.#registry.register(this.#db);
    this.#transport = new PostgresTransport({
      db: this.#db,
      connection: this.#connection,
      logger: this.#logger,
    });
    this.#bell = new Bell(this.#transport, this.#logger);
    this.#intake = new Intake(this.#db, this.#registry, (queue) => this.#bell.ring(queue));
  }

  async enqueue(count: number, input: Input): Promise<void> {
    const request = { job: "noop", input, trigger: "api" as const };
    for (let done = 0; done < count; done += BULK) {
      const size = Math.min(BULK, count - done);
      const results = await this.#intake.acceptMany(Array.from({ length: size }, () => request));
      if (results.some((result) => "error" in result)) throw new Error("a run was refused");
    }
  }

  async enqueueOne(input: Input): Promise<void> {
    await this.#intake.accept({ job: "noop", input, trigger: "api" });
  }

  async work(started: (input: Input) => void): Promise<void> {
    this.#started = started;
    this.#worker = new Worker({
      db: this.#db,
      connection: this.#connection,
      registry: this.#registry,
      transport: this.#transport,
      bell: this.#bell,
      logger: this.#logger,
      concurrency: 500,
      leaseMs: 12_000,
      drainMs: 5000,
      version: "bench",
    });
    await this.#worker.start();
  }

  async rest(): Promise<void> {
    await this.#worker?.stop();
  }

  async unfinished(): Promise<number> {
    const { rows } = await this.#db.query<{ runs: number }>(
      `select (coalesce((select sum(cardinality(run_ids)) from millrace.ready), 0)
         + coalesce((select sum(cardinality(run_ids)) from millrace.lease), 0))::int as runs`,
    );
    return rows[0]!.runs;
  }

  async fillHistory(count: number): Promise<void> {
    // Yesterday's, as all but a day of a long history would be.
    await this.#db.query({
      text: `insert into millrace.run
               (id, started_at, finished_at, worker_id, state, trigger, priority, attempts, job, queue, input, output)
             select (left(millrace.uuid_floor(clock_timestamp() - interval '1 day')::text, 14) || '7'
                 || substr(gen_random_uuid()::text, 16))::uuid,
               now(), now(), 1, 'completed', 'api', 0, 1, 'noop', 'default', $2, $3
             from generate_series(1, $1::int)`,
      values: [count, JSON.stringify({ order: "", customer: 1, note: "" }), JSON.stringify(RESULT)],
    });
  }

  async close(): Promise<void> {
    await this.#transport.close();
    await this.#db.end();
  }
}

async function inSteps(steps: number, { step }: Context): Promise<typeof RESULT> {
  for (let n = 1; n <= steps; n++) await step(`step ${n}`, () => RESULT);
  return RESULT;
}

export function open(): Subject {
  return new Millrace();
}
