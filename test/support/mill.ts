import { pathToFileURL } from "node:url";
import type pg from "pg";
import { onTestFinished } from "vitest";
import { type AnyJob, isJob } from "@millrace/sdk";
import {
  Bell,
  type Database,
  Dispatcher,
  Intake,
  type IsolationOptions,
  JobRegistry,
  PostgresTransport,
  Reaper,
  type SecretKeys,
  Subjects,
  type Transport,
  Worker,
  type WorkerOptions,
  createLogger,
  inTransaction,
} from "millrace";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { GateKeeper } from "../../packages/server/src/scheduler/gate-keeper.ts";
import { Waker } from "../../packages/server/src/scheduler/waker.ts";
import { jobCache } from "./job-cache.ts";
import { lendDatabase } from "./lent-database.ts";
import { until } from "./until.ts";

export interface RunState {
  id: string;
  state: string;
  output: unknown;
  attempts: number;
  failures: number;
  losses: number;
}

/** Millrace in the test's own process, on a database of its own. Nothing is started that the test does not start. */
export class Mill {
  readonly db: Database;
  readonly url: string;
  readonly registry: JobRegistry;
  readonly intake: Intake;
  bell: Bell;
  transport: Transport;
  readonly logger = createLogger("silent");

  private constructor(
    url: string,
    db: Database,
    jobs: readonly AnyJob[],
    files: ReadonlyMap<string, string>,
    keys: SecretKeys | undefined,
  ) {
    this.url = url;
    this.db = db;
    this.registry = new JobRegistry(jobs, [], files);
    this.transport = new PostgresTransport({
      db,
      connection: () => ({ connectionString: url }),
      logger: this.logger,
    });
    this.bell = new Bell(this.transport, this.logger);
    this.intake = new Intake(
      db,
      this.registry,
      (queue) => this.bell.ring(queue),
      new Subjects(db, keys),
    );
  }

  /** Taken down when the running test ends. */
  static create(...jobs: AnyJob[]): Promise<Mill> {
    return Mill.#create(jobs, new Map());
  }

  /** The same on a database of which PostgreSQL has counted nothing yet. */
  static createAnew(...jobs: AnyJob[]): Promise<Mill> {
    return Mill.#create(jobs, new Map(), { virgin: true });
  }

  /** As {@link Mill.create} with keys, for jobs that have a subject. */
  static createWith(keys: SecretKeys, ...jobs: AnyJob[]): Promise<Mill> {
    return Mill.#create(jobs, new Map(), { keys });
  }

  /** As {@link Mill.create} with the jobs that files export, which processes and threads can load, too. */
  static load(...files: string[]): Promise<Mill> {
    return Mill.#load(files);
  }

  static loadWith(keys: SecretKeys, ...files: string[]): Promise<Mill> {
    return Mill.#load(files, keys);
  }

  static async #load(files: readonly string[], keys?: SecretKeys): Promise<Mill> {
    const found = new Map<AnyJob, string>();
    for (const file of files) {
      const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
      for (const job of Object.values(module).filter(isJob)) found.set(job, file);
    }
    return Mill.#create(
      [...found.keys()],
      new Map([...found].map(([job, file]) => [job.name, file])),
      { keys },
    );
  }

  static async #create(
    jobs: readonly AnyJob[],
    files: ReadonlyMap<string, string>,
    { keys, ...lent }: Parameters<typeof lendDatabase>[0] & { keys?: SecretKeys | undefined } = {},
  ): Promise<Mill> {
    const { url, db } = await lendDatabase(lent);
    const mill = new Mill(url, db, jobs, files, keys);
    onTestFinished(() => mill.transport.close());
    await mill.registry.register(db, { keys });
    return mill;
  }

  /** Rings through another transport than PostgreSQL's from now on; whoever opened it closes it. */
  ringThrough(transport: Transport): void {
    this.transport = transport;
    this.bell = new Bell(transport, this.logger);
  }

  async startWorker(options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const worker = new Worker({
      db: this.db,
      connection: () => ({ connectionString: this.url }),
      registry: this.registry,
      transport: this.transport,
      logger: this.logger,
      concurrency: 10,
      leaseMs: 12_000,
      drainMs: 100,
      version: "test",
      isolation: isolation(),
      subjects: this.intake.subjects,
      ...options,
    });
    onTestFinished(() => worker.stop());
    await worker.start();
    return worker;
  }

  async startDispatcher(): Promise<Dispatcher> {
    const dispatcher = new Dispatcher(this);
    onTestFinished(() => dispatcher.stop());
    await dispatcher.start();
    return dispatcher;
  }

  /** What a server has besides for whatever was not noticed at once. Without it, a test shows that nothing needs it. */
  async startKeepers(): Promise<void> {
    for (const keeper of [new Waker(this), new GateKeeper(this)]) {
      onTestFinished(() => keeper.stop());
      await keeper.start();
    }
  }

  async startReaper(sweepMs = 50): Promise<Reaper> {
    const reaper = new Reaper({ db: this.db, bell: this.bell, logger: this.logger, sweepMs });
    onTestFinished(() => reaper.stop());
    await reaper.start();
    return reaper;
  }

  /** All workers are declared lost and their runs taken back before any of them can see the one and hand back its runs itself. */
  loseWorkers(): Promise<{ run_id: string }[]> {
    return inTransaction(this.db, async (tx) => {
      await tx.query({ text: "update millrace.worker set state = 'lost'" });
      return takeBackLost(tx);
    });
  }

  /** Accepts a run and answers its id. */
  async enqueue(job: string, input: unknown = {}): Promise<string> {
    const run = await this.intake.accept({ job, input, trigger: "api" });
    return run.id;
  }

  async run(id: string): Promise<RunState> {
    const { rows } = await this.db.query<RunState>(
      `select id, millrace.state_of(id, state)::text as state, output, attempts, failures, losses
       from millrace.run where id = $1`,
      [id],
    );
    if (!rows[0]) throw new Error(`no run ${id}`);
    return rows[0];
  }

  state(id: string): Promise<string> {
    return this.run(id).then((run) => run.state);
  }

  untilState(id: string, state: string, patience?: { deadlineMs: number }): Promise<RunState> {
    return until(
      `run ${id} is ${state}`,
      async () => {
        const run = await this.run(id);
        return run.state === state && run;
      },
      patience,
    );
  }

  async rows<Row extends Record<string, unknown>>(sql: string, params: unknown[] = []) {
    const { rows } = await this.db.query<Row>(sql, params);
    return rows;
  }

  /** For transactions of the test's own. Ended with the test, also with one that fails half-way, which would else hang. */
  async connection(): Promise<pg.PoolClient> {
    const client = await this.db.connect();
    onTestFinished(() => client.release(true));
    return client;
  }

  /** A worker's row without a worker behind it. */
  async workerRow(leaseMs = 12_000): Promise<number> {
    const [row] = await this.rows<{ id: number }>(
      `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
       values ('row', 10, '{}', '{}', 'test', $1) returning id`,
      [leaseMs],
    );
    return row!.id;
  }
}

/** Two processes and two threads, with next to nothing in their environment. */
export function isolation(): IsolationOptions {
  return {
    cacheFolder: jobCache(),
    processes: 2,
    threads: 2,
    environment: { PATH: process.env["PATH"] },
    inlineEnvironment: { ...process.env },
  };
}

/** A promise and the hand that settles it: the signal between a handler and its test. */
export function signal<T = void>(): { promise: Promise<T>; fire: (value: T) => void } {
  let fire!: (value: T) => void;
  const promise = new Promise<T>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}
