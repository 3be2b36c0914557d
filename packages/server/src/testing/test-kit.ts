import { type Duration, type Role, durationMs, toJsonText } from "@millrace/core";
import {
  type AnyEvent,
  type AnyJob,
  type EmitOptions,
  type InputOf,
  type OutputOf,
  type PayloadOf,
  type SecretValues,
  checkPayload,
  givenSecrets,
  isJob,
} from "@millrace/sdk";
import { answerTo } from "../engine/answer-approval.ts";
import { type Cancelled, cancel } from "../engine/cancel.ts";
import { dispatch } from "../engine/dispatch.ts";
import { Intake } from "../engine/intake.ts";
import { JobRegistry } from "../engine/job-registry.ts";
import { meetWaits } from "../engine/meet-waits.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { emitEvents } from "../store/emissions.ts";
import { nextTimer } from "../store/timers.ts";
import { createLogger } from "../telemetry/logger.ts";
import { type CrashPoint, CrashPoints } from "./crash-points.ts";
import { type CrashOptions, type Try, sweepCrashes } from "./crash-sweep.ts";
import { FailingSteps } from "./failing-steps.ts";
import { ON_FAKE_CLOCK, clockOf, putOn } from "./fake-clock.ts";
import {
  type TestDatabase,
  type TestServer,
  type TestServerOptions,
  testServer,
} from "./test-databases.ts";
import { ValueKeeper } from "../worker/value-keeper.ts";
import { memoryValues } from "./memory-values.ts";
import { type TestRun, readTestRun } from "./test-run.ts";
import { SecretLeases } from "../worker/secret-leases.ts";
import { TestWorker } from "./test-worker.ts";

type Arguments<Input> = void extends Input ? [input?: Exclude<Input, void>] : [input: Input];

/** What is said to an approval besides yes or no. */
export interface TestAnswer {
  /** Of the approval, and which use of the name; may be left out when the run asks for one. */
  name?: string;
  ordinal?: number;
  /** Default: `api`. */
  by?: string;
  /** Of their key. Default: `admin`. */
  role?: Role;
  note?: string;
}

/**
 * Runs jobs and workflows in the test's own process, on a PostgreSQL database of their own, by a clock that the test puts on. Everything is
 * what a server does, but for what makes it do so: nothing happens until the test says so, and then all that can happen does.
 *
 * @example
 *   await using t = await testKit({ onboard, provision });
 *   const run = await t.run(onboard, { account: "ada" });
 *   await t.advance("3d");
 *   expect((await t.find(run.id)).state).toBe("completed");
 *
 * @param jobs the jobs that take part, as the values of an object or a module; what else is there is passed over
 */
export async function testKit(jobs: object, options: TestKitOptions = {}): Promise<TestKit> {
  const server = await testServer(options);
  try {
    return await TestKit.on(server, Object.values(jobs).filter(isJob), options);
  } catch (error) {
    await server.release();
    throw error;
  }
}

/** What a kit stands on. */
export interface TestKitOptions extends TestServerOptions {
  /** As if workers had a store for large values: it is in memory. Default false: what is large is refused. */
  valueStore?: boolean;
  /** What jobs get of the secrets that they declare, by name, as if each were bound to them. An attempt that misses one fails, as everywhere. */
  secrets?: SecretValues;
}

/** See {@link testKit}. */
export class TestKit implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #database: TestDatabase;
  readonly #db: Database;
  readonly #registry: JobRegistry;
  readonly #intake: Intake;
  readonly #failing = new FailingSteps();
  readonly #logger = createLogger("silent");
  readonly #values: ValueKeeper;
  readonly #secrets: SecretLeases;
  #worker!: TestWorker;
  #crash: CrashPoints | undefined;
  #takingOver: Promise<void> | undefined;
  /** What workers that were taken for dead still do. */
  #zombies: Promise<unknown>[] = [];

  private constructor(
    server: TestServer,
    database: TestDatabase,
    db: Database,
    jobs: readonly AnyJob[],
    valueStore: boolean,
    secrets: SecretValues,
  ) {
    this.#secrets = new SecretLeases(async (job) => ({
      values: givenSecrets(job, secrets, "testKit(jobs, { secrets: { … } })"),
      goodForMs: Infinity,
    }));
    this.#values = new ValueKeeper(valueStore ? memoryValues() : undefined);
    this.#server = server;
    this.#database = database;
    this.#db = db;
    this.#registry = new JobRegistry(jobs.map((job) => this.#failing.in(job)));
    this.#intake = new Intake(db, this.#registry, () => {});
  }

  static async on(
    server: TestServer,
    jobs: readonly AnyJob[],
    { valueStore = false, secrets = {} }: Pick<TestKitOptions, "valueStore" | "secrets"> = {},
  ): Promise<TestKit> {
    const database = await server.create();
    const db = openDatabase({
      connection: () => ({ ...database.connection(), options: ON_FAKE_CLOCK }),
      applicationName: "millrace testing",
      maxConnections: 6,
    });
    const kit = new TestKit(server, database, db, jobs, valueStore, secrets);
    await kit.#registry.register(db);
    await kit.#replaceWorker();
    return kit;
  }

  /**
   * Asks for a run, and lets all happen that can: until it has ended, or waits for time or for an event. Retries do not wait. Of a run that
   * is continued, this gives the last of its chain.
   */
  async run<J extends AnyJob>(
    job: J,
    ...[input]: Arguments<InputOf<J>>
  ): Promise<TestRun<OutputOf<J>>> {
    const { id } = await this.#intake.accept({ job: job.name, input, trigger: "api" });
    await this.#settle();
    return this.#last(id);
  }

  /** How a run stands. @throws MillraceError `run_not_found` */
  find<Output = unknown>(id: string): Promise<TestRun<Output>> {
    return readTestRun(this.#db, id);
  }

  async #last<Output>(id: string): Promise<TestRun<Output>> {
    const run = await this.find<Output>(id);
    return run.continuedAs === null ? run : this.#last(run.continuedAs);
  }

  /** Sends an event, and lets all happen that can. */
  async emit<E extends AnyEvent>(
    event: E,
    payload: PayloadOf<E>,
    options: EmitOptions = {},
  ): Promise<void> {
    await checkPayload(event, payload);
    const { run = null, idempotencyKey: key = null } = options;
    const text = toJsonText(payload, "payload");
    // As the Emitter does; but who waits for it is looked for now, and not meanwhile.
    await emitEvents(this.#db, [event.name], [text], [run], [key]);
    await this.#settle();
  }

  /** Approves what a run asks for, and lets all happen that can. @throws MillraceError those of `POST /api/v1/runs/{id}/approvals` */
  approve(run: string, said: TestAnswer = {}): Promise<void> {
    return this.#answer(run, true, said);
  }

  /** Rejects it. */
  reject(run: string, said: TestAnswer = {}): Promise<void> {
    return this.#answer(run, false, said);
  }

  async #answer(
    runId: string,
    approved: boolean,
    { name, ordinal, by = "api", role = "admin", note }: TestAnswer,
  ): Promise<void> {
    const said = { name, ordinal, by, role, note: note ?? null, via: "api" } as const;
    await answerTo(this.#db, { runId, approved, ...said });
    await this.#settle();
  }

  /** Cancels a run, and lets all happen that can. */
  async cancel(id: string, options: { force?: boolean } = {}): Promise<Cancelled> {
    const cancelled = await cancel(this.#db, { runId: id, by: "test", reason: null, ...options });
    await this.#settle();
    return cancelled;
  }

  /** Lets time pass, and on the way, each in its time, all happen that is due. */
  async advance(duration: Duration): Promise<void> {
    const endsAt = (await clockOf(this.#db)).getTime() + durationMs(duration, "advance");
    for (;;) {
      await this.#settle();
      const restMs = endsAt - (await clockOf(this.#db)).getTime();
      if (restMs <= 0) return;
      const [next] = await nextTimer(this.#db);
      // A little beyond, because the last digit of an instant is rounded on its way.
      await putOn(this.#db, Math.min(restMs, (next?.in_ms ?? Infinity) + 1));
    }
  }

  /** The clock of the database. */
  now(): Promise<Date> {
    return clockOf(this.#db);
  }

  /** The next so many times that a step of that name, or with `undo:` before it its compensation, is executed, it throws instead. */
  failStep(
    name: string,
    times: number,
    error: Error = new Error(`step ${name} was to fail`),
  ): void {
    this.#failing.add(name, times, error);
  }

  /**
   * Runs a job once as it should go, and then again and again, each time with a worker that dies before or after another one of its writes
   * (checkpoints, waits, outcomes), or goes on though another worker has taken its run; and compares what came of it.
   *
   * @returns how many crashes that were
   * @throws Error that names the first crash after which outcome or effects are others, with both
   */
  crashAtEveryStep<J extends AnyJob>(
    job: J,
    ...[input, options = {}]: void extends InputOf<J>
      ? [input?: Exclude<InputOf<J>, void>, options?: CrashOptions<OutputOf<J>>]
      : [input: InputOf<J>, options?: CrashOptions<OutputOf<J>>]
  ): Promise<number> {
    return sweepCrashes<OutputOf<J>>(
      (point) => this.#crashing(job, input, options, point),
      options,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#zombies);
    await this.#db.end();
    await this.#database.drop();
    await this.#server.release();
  }

  async #crashing<J extends AnyJob>(
    job: J,
    input: unknown,
    { drive }: CrashOptions<OutputOf<J>>,
    point: CrashPoint | undefined,
  ): Promise<Try<OutputOf<J>>> {
    const crash = await this.#replaceWorker(point, true);
    const { id } = await this.#intake.accept({ job: job.name, input, trigger: "api" });
    await this.#settle();
    // A worker that was taken for dead may find out, and end, before the other is through; and it may have claimed once more before.
    await this.#takingOver;
    await Promise.all(this.#zombies.splice(0));
    await this.#settle();
    const waiting = await this.#last<OutputOf<J>>(id);
    if (waiting.state === "waiting") {
      if (!drive) {
        throw new Error(
          `run ${id} waits${waiting.waitsFor === null ? "" : ` for ${waiting.waitsFor}`}: give crashAtEveryStep a drive that lets it go on`,
        );
      }
      await drive(waiting);
    }
    await Promise.all(this.#zombies.splice(0));
    await this.#replaceWorker();
    return { run: await this.#last<OutputOf<J>>(id), writes: crash.writes };
  }

  async #replaceWorker(point?: CrashPoint, watched = false): Promise<CrashPoints> {
    const crash: CrashPoints = new CrashPoints(this.#db, point, () => {
      this.#takingOver = this.#takeOver(crash);
      return this.#takingOver;
    });
    this.#worker = await TestWorker.register({
      db: this.#db,
      own: crash,
      registry: this.#registry,
      jobOf: (name) => this.#registry.get(name)!,
      logger: this.#logger,
      values: this.#values,
      secrets: this.#secrets,
    });
    this.#crash = watched ? crash : undefined;
    return crash;
  }

  /** Another worker takes what the one of now holds, and brings it as far as it comes. */
  async #takeOver(crash: CrashPoints): Promise<void> {
    await crash.sent();
    await this.#worker.lose();
    await this.#replaceWorker();
    await this.#settle();
  }

  /** Until nothing can happen any more but by time, or by what the test does. Time is put on for retries alone. */
  async #settle(): Promise<void> {
    for (;;) {
      await meetWaits(this.#db);
      const { runs } = await dispatch(this.#db);
      const worked = await this.#workOff();
      if (runs + worked > 0) continue;
      const retryMs = await this.#nextRetryMs();
      if (retryMs === undefined) return;
      await putOn(this.#db, retryMs + 1);
    }
  }

  async #workOff(): Promise<number> {
    const [worker, crash] = [this.#worker, this.#crash];
    const working = worker.workOff();
    if (!crash) return working;
    const met = await Promise.race([working.then(() => false), crash.met.then(() => true)]);
    if (!met) return working;
    if (crash.dead) {
      await crash.sent();
      await worker.lose();
      await this.#replaceWorker();
    } else {
      this.#zombies.push(working);
    }
    return 1;
  }

  /** When the next of all timers is that of a retry. */
  async #nextRetryMs(): Promise<number | undefined> {
    const { rows } = await this.#db.query<{ reason: string; in_ms: number }>(
      `select reason, (extract(epoch from due_at - clock_timestamp()) * 1000)::float8 as in_ms
       from millrace.timer order by due_at limit 1`,
    );
    return rows[0]?.reason.startsWith("retry") ? Math.max(0, rows[0].in_ms) : undefined;
  }
}
