import { randomBytes } from "node:crypto";
import { type Duration, type Role, durationMs, toJsonText } from "@millrace/core";
import {
  type AnyEvent,
  type AnyJob,
  type EmitOptions,
  type InputOf,
  type OutputOf,
  type PayloadOf,
  type HeldSecrets,
  checkPayload,
  givenSecrets,
  isJob,
} from "@millrace/sdk";
import { AllowedHosts, HttpClient, OutboundGuard } from "@millrace/sdk/http";
import { answerTo } from "../engine/answer-approval.ts";
import { cancel } from "../engine/cancel.ts";
import type { Cancelled } from "../engine/cancel-inside.ts";
import { dispatch } from "../engine/dispatch.ts";
import { Intake } from "../engine/intake.ts";
import { JobRegistry } from "../engine/job-registry.ts";
import { meetWaits } from "../engine/meet-waits.ts";
import { Subjects } from "../engine/subjects/subjects.ts";
import { KeyRing, type SecretKeys } from "../security/key-ring.ts";
import type { Database } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";
import { emitEvents } from "../store/emissions.ts";
import { nextTimer } from "../store/timers.ts";
import { createLogger } from "../telemetry/logger.ts";
import { type CrashPoint, CrashPoints } from "./crash-points.ts";
import { type CrashOptions, type Try, sweepCrashes } from "./crash-sweep.ts";
import { FailingSteps } from "./failing-steps.ts";
import { clockOf, putOn } from "./fake-clock.ts";
import { lookAround } from "./look-around.ts";
import { type TestDatabase, type TestServerOptions, testServer } from "./test-databases.ts";
import { ValueKeeper } from "../worker/value-keeper.ts";
import { memoryValues } from "./memory-values.ts";
import { type TestRun, readTestRun } from "./test-run.ts";
import type { Caller } from "../security/caller.ts";
import { SecretLeases } from "../worker/secret-leases.ts";
import { TestWorker } from "./test-worker.ts";

/** Who cancels. */
const TEST: Caller = { name: "test", role: "admin", projects: null };

function newKeys(): SecretKeys {
  const ring = new KeyRing([randomBytes(32).toString("base64")]);
  return { words: "the test kit", read: () => ring, make: () => ring };
}

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
  const database = await server.create();
  try {
    return await TestKit.on(database, Object.values(jobs).filter(isJob), options);
  } catch (error) {
    await database.drop();
    throw error;
  }
}

const THIS_MACHINE = ["localhost", "127.0.0.0/8", "::1/128"];

/** What a kit stands on. */
export interface TestKitOptions extends TestServerOptions {
  /** As if workers had a store for large values: it is in memory. Default false: what is large is refused. */
  valueStore?: boolean;
  /** What jobs get of the secrets that they declare, by name, as if each were bound to them. An attempt that misses one fails, as everywhere. */
  secrets?: HeldSecrets;
  /** Where `ctx.fetch` may lead though no job names it, as `MILLRACE_ALLOWED_HOSTS` says it elsewhere. Default: servers on this machine. */
  allowedHosts?: readonly string[];
}

/** See {@link testKit}. */
export class TestKit implements AsyncDisposable {
  readonly #database: TestDatabase;
  readonly #db: Database;
  readonly #registry: JobRegistry;
  readonly #intake: Intake;
  /** As a server has them, made for this kit. */
  readonly #keys: SecretKeys = newKeys();
  readonly #failing = new FailingSteps();
  readonly #logger = createLogger("silent");
  readonly #values: ValueKeeper;
  readonly #secrets: SecretLeases;
  readonly #http: HttpClient;
  #worker!: TestWorker;
  #crash: CrashPoints | undefined;
  #takingOver: Promise<void> | undefined;
  /** What workers that were taken for dead still do. */
  #zombies: Promise<unknown>[] = [];

  private constructor(
    database: TestDatabase,
    jobs: readonly AnyJob[],
    valueStore: boolean,
    secrets: HeldSecrets,
    allowedHosts: readonly string[],
  ) {
    this.#secrets = new SecretLeases(async (job) => ({
      values: givenSecrets(job, secrets, "testKit(jobs, { secrets: { … } })"),
      goodForMs: Infinity,
    }));
    this.#http = new HttpClient({ guard: new OutboundGuard(new AllowedHosts(allowedHosts)) });
    this.#http.learn(jobs.flatMap(({ hosts }) => hosts));
    this.#values = new ValueKeeper(valueStore ? memoryValues() : undefined);
    this.#database = database;
    this.#db = database.db;
    this.#registry = new JobRegistry(jobs.map((job) => this.#failing.in(job)));
    this.#intake = new Intake(
      this.#db,
      this.#registry,
      () => {},
      new Subjects(this.#db, this.#keys),
    );
  }

  static async on(
    database: TestDatabase,
    jobs: readonly AnyJob[],
    {
      valueStore = false,
      secrets = {},
      allowedHosts = THIS_MACHINE,
    }: Pick<TestKitOptions, "valueStore" | "secrets" | "allowedHosts"> = {},
  ): Promise<TestKit> {
    const { db } = database;
    const kit = new TestKit(database, jobs, valueStore, secrets, allowedHosts);
    await kit.#registry.register(db, { keys: kit.#keys });
    kit.#worker = await kit.#register(db);
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
    return readTestRun(this.#db, this.#intake.subjects, id);
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
    await emitEvents(this.#db, [event.name], [text], [run], [key], [null]);
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
    const said = { name, ordinal, note: note ?? null };
    const who = { via: "api", caller: { name: by, role, projects: null } } as const;
    await answerTo(this.#db, who, { runId, approved, ...said });
    await this.#settle();
  }

  /** Cancels a run, and lets all happen that can. */
  async cancel(id: string, options: { force?: boolean } = {}): Promise<Cancelled> {
    const cancelled = await cancel(this.#db, TEST, { runId: id, reason: null, ...options });
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
    await this.#http.close();
    await this.#database.drop();
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
    const zombies = this.#zombies.splice(0);
    await Promise.all(zombies);
    if (zombies.length > 0) await this.#settle();
    let run = await this.#last<OutputOf<J>>(id);
    if (run.state === "waiting") {
      if (!drive) {
        throw new Error(
          `run ${id} waits${run.waitsFor === null ? "" : ` for ${run.waitsFor}`}: give crashAtEveryStep a drive that lets it go on`,
        );
      }
      await drive(run);
      await Promise.all(this.#zombies.splice(0));
      run = await this.#last<OutputOf<J>>(id);
    }
    // What the test does from here on is none of the worker's that was tried.
    await this.#replaceWorker();
    return { run, writes: crash.writes };
  }

  async #replaceWorker(point?: CrashPoint, watched = false): Promise<CrashPoints> {
    const crash: CrashPoints = new CrashPoints(this.#db, point, () => {
      this.#takingOver = this.#takeOver(crash);
      return this.#takingOver;
    });
    this.#worker = this.#worker.by(crash) ?? (await this.#register(crash));
    this.#crash = watched ? crash : undefined;
    return crash;
  }

  #register(own: Queryable): Promise<TestWorker> {
    return TestWorker.register({
      db: this.#db,
      own,
      registry: this.#registry,
      jobOf: (name) => this.#registry.get(name)!,
      logger: this.#logger,
      values: this.#values,
      secrets: this.#secrets,
      subjects: this.#intake.subjects,
      http: this.#http,
    });
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
      const [outlook] = await lookAround(this.#db);
      const { news, ready, in_ms: inMs, reason } = outlook!;
      if (news) await meetWaits(this.#db);
      const moved = inMs !== null && inMs <= 0 ? (await dispatch(this.#db)).runs : 0;
      const worked = ready || news || moved > 0 ? await this.#workOff() : 0;
      if (moved + worked > 0) continue;
      if (!reason?.startsWith("retry")) return;
      await putOn(this.#db, Math.max(0, inMs!) + 1);
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
}
