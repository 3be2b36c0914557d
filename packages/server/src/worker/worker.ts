import { hostname } from "node:os";
import { setImmediate as nextTick } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import { AllowedHosts, HttpClient, OutboundGuard } from "@millrace/sdk/http";
import type { JobRegistry } from "../engine/job-registry.ts";
import { hold } from "../engine/pause.ts";
import { QueueTurns } from "../engine/queue-turns.ts";
import { Subjects } from "../engine/subjects/subjects.ts";
import { awake } from "../runtime/awake-clock.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import { forAndSince } from "../runtime/since.ts";
import { cancelsAmong } from "../store/cancel.ts";
import type { ClaimedRun } from "../store/claim.ts";
import { ensureQueues } from "../store/jobs.ts";
import { markDraining, markGone } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Bell } from "../transport/bell.ts";
import { reportBlock } from "./block-report.ts";
import { ClaimTimes } from "./claim-times.ts";
import { Attempts } from "./attempts.ts";
import { Counts } from "./counts.ts";
import type { HeartbeatReport } from "./heartbeat.ts";
import { type Incarnation, beginIncarnation } from "./incarnation.ts";
import { Lanes } from "./isolation/lanes.ts";
import { type Blocked, LoopWatch } from "./loop-watch.ts";
import { Pace } from "./pace.ts";
import { Rings } from "./rings.ts";
import { SecretLeases } from "./secret-leases.ts";
import { SelfTest } from "./self-test.ts";
import { Strays } from "./strays.ts";
import { Vitals } from "./vitals.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** Without a ring, a worker looks for runs, and a running run is told of its cancel, so late at the most. */
const LOOK_EVERY_MS = 1000;

/** A batch of outcomes that is under way for so long. With the time until the next self-test it is told of within 10 s. */
const UNSETTLED_MS = 5000;

/** A heartbeat connects anew by itself. One that has not managed in this time, while the database answers others, never will. */
const SILENT_FOR_MS = 60_000;

/** A block of the event loop that is longer is told of. */
const BLOCK_MS = 1000;

/** Claims runs and makes their attempts. Holds no state that outlives it: the database has it all. */
export class Worker implements Service {
  readonly name = `${hostname()}:${process.pid}`;
  readonly #options: WorkerOptions;
  readonly #logger: Logger;
  readonly #loop: Loop;
  readonly #cancelWatch: Loop;
  readonly #lanes: Lanes;
  readonly #loopWatch: LoopWatch;
  readonly #attempts: Attempts;
  readonly #bell: Bell;
  readonly #pace: Pace;
  readonly #claimTimes: ClaimTimes;
  readonly #vitals: Vitals;
  readonly #strays: Strays;
  readonly #counts: Counts;
  readonly #subjects: Subjects;
  readonly #http: HttpClient;
  #incarnation: Incarnation | undefined;
  readonly #rings: Rings;
  #stopHearing: (() => void) | undefined;
  #silent = false;
  /** Whether somebody has asked it to take nothing new. */
  #quiet = false;
  #stopping: Promise<void> | undefined;
  readonly #selfTest = new SelfTest();
  /** Whether a claim has worked, or none was wanted. */
  #claimed = false;
  #silentSince = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#loop = new Loop("claim loop", () => this.#look(), options.logger);
    this.#rings = new Rings(() => this.#loop.wake(), options.transport.capabilities.trusted);
    this.#cancelWatch = new Loop("cancel watch", () => this.#tellCancelled(), options.logger);
    this.#bell = options.bell ?? new Bell(options.transport, options.logger);
    this.#lanes = new Lanes(options.registry, options.isolation, options.logger);
    this.#loopWatch = new LoopWatch({
      thresholdMs: options.blockMs ?? BLOCK_MS,
      logger: options.logger,
      onBlocked: (block) => this.#onBlocked(block),
    });
    this.#subjects = options.subjects ?? new Subjects(options.db);
    const counts = options.counts ?? new Counts(options.db, options.logger);
    this.#counts = counts;
    this.#vitals = new Vitals(options.db, options.logger);
    this.#attempts = new Attempts({
      ...options,
      traced: options.traced ?? false,
      onSettled: (attempt) => {
        counts.settled(attempt);
        options.onSettled?.(attempt);
      },
      subjects: this.#subjects,
      secrets: options.secrets ?? noSecrets(options.registry),
      lanes: this.#lanes,
      loopWatch: this.#loopWatch,
      onRoom: () => this.#loop.wake(),
      onHold: (job, key, forMs, reason) => void this.#hold(job, key, forMs, reason),
    });
    this.#claimTimes = new ClaimTimes(options.db, options.logger);
    this.#pace = new Pace(options.db, options.logger);
    this.#strays = new Strays(options.db, options.logger);
    this.#http = options.http ?? onlyPublic();
    const { registry } = options;
    this.#http.learn(registry.names.flatMap((name) => registry.get(name)!.hosts));
  }

  get queues(): readonly string[] {
    const { queues, registry } = this.#options;
    return new QueueTurns(queues ?? registry.queues).names;
  }

  async start(): Promise<void> {
    await ensureQueues(this.#options.db, [...this.queues], this.#options.registry.project);
    this.#incarnation = await this.#register();
    await this.#loopWatch.start();
    await this.#loop.start();
    await this.#cancelWatch.start();
    const { queues } = this;
    this.#stopHearing = this.#bell.hear((queue) => {
      if (queues.includes(queue)) this.#loop.wake();
    });
    this.#rings.from(await this.#options.transport.receive(queues, this.#rings.onDelivery));
  }

  /** Drains: claims nothing more, lets runs finish for a while, hands the rest back with no attempt counted. */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  /** Hands everything back now instead of letting it finish. */
  hurry(): void {
    this.#attempts.abortAll("shutdown", "the worker is stopping");
  }

  /** The database answers somewhere else now. */
  onRestart(): void {
    this.#incarnation?.heartbeat.reconnect();
  }

  /** How many runs it holds. */
  get running(): number {
    return this.#attempts.count;
  }

  /** How many runs it may execute at a time, by whether it does. */
  get slots(): { busy: number; free: number } {
    const { busy } = this.#attempts;
    return { busy, free: Math.max(0, this.#options.concurrency - busy) };
  }

  /** Slots held by handlers that ignore their signal and cannot be forced. */
  get stuck(): number {
    return this.#attempts.stuckRuns.length;
  }

  /** The places of isolated runs. */
  get places(): Lanes["places"] {
    return this.#lanes.places;
  }

  /**
   * Whether it claims and finishes: real work proves it, and where there is none, its {@link SelfTest self-test}.
   *
   * @returns when it is not ok, why, and whether it is `alive` all the same: that to start it anew would mend nothing; else what
   *   is worth a look
   */
  health(): { ok: boolean; why?: string; alive?: boolean } {
    if (this.#stopping) return { ok: false, why: "draining", alive: true };
    const claiming = this.#loop.health();
    if (!claiming.ok) return claiming;
    if (!this.#claimed) return { ok: false, why: "no claim has worked yet", alive: true };
    const unsettledMs = this.#incarnation?.settler.stuckMs ?? 0;
    if (unsettledMs > UNSETTLED_MS) {
      return { ok: false, why: `no outcome has been recorded for ${forAndSince(unsettledMs)}` };
    }
    if (this.#silent) {
      const alive = awake.now() - this.#silentSince < SILENT_FOR_MS;
      return { ok: false, why: "the heartbeat does not reach the database", alive };
    }
    const stuck = this.#attempts.stuckRuns;
    const trouble = this.#options.secrets?.trouble;
    if (stuck.length === 0) return { ok: true, ...(trouble !== undefined && { why: trouble }) };
    const who = `${stuck.length} of ${this.#options.concurrency} slots held by handlers that do not stop (run ${stuck.slice(0, 3).join(", ")})`;
    return { ok: stuck.length < this.#options.concurrency, why: who };
  }

  async #register(): Promise<Incarnation> {
    const incarnation = await beginIncarnation({
      worker: this.#options,
      subjects: this.#subjects,
      http: this.#http,
      name: this.name,
      queues: this.queues,
      lanes: this.#lanes,
      onClaim: (ms, runs) => {
        this.#loop.goesOn();
        this.#claimTimes.took(ms);
        this.#options.onClaim?.({ ms, runs });
      },
      onRoomier: this.#ring,
      ring: (queue) => this.#ring([queue]),
      onReport: (registered, report) => this.#onHeartbeat(registered, report),
    });
    this.#silent = false;
    // Whoever begins anew is another, and nobody has asked it anything.
    this.#quiet = false;
    return incarnation;
  }

  #onHeartbeat(incarnation: Incarnation, report: HeartbeatReport): void {
    if (incarnation !== this.#incarnation) return;
    if (report === "alive" || report === "quiet") {
      if (this.#silent)
        this.#logger.info({ event: "heartbeat.back" }, "the heartbeat reaches the database again");
      this.#silent = false;
      this.#setQuiet(report === "quiet");
      return;
    }
    if (report === "silent") {
      if (this.#silent) return;
      this.#silent = true;
      this.#silentSince = awake.now();
      this.#logger.error(
        { event: "heartbeat.away" },
        "the heartbeat does not reach the database; stopping all runs",
      );
      this.#attempts.abortAll("lease-lost", "the worker has lost touch with the database");
      return;
    }
    this.#logger.error(
      { event: "worker.declared_lost", worker: incarnation.id },
      "this worker was declared lost; starting anew",
    );
    // Nothing that it holds may be recorded any more; nothing that it claims would stay its own.
    this.#incarnation = undefined;
    incarnation.settler.abandon();
    incarnation.output.abandon();
    this.#attempts.abortAll(
      "lease-lost",
      "the worker was declared lost, and its runs were given to others",
    );
    void incarnation.heartbeat.stop();
    this.#loop.wake();
  }

  #setQuiet(quiet: boolean): void {
    if (quiet === this.#quiet) return;
    this.#quiet = quiet;
    this.#logger.info(
      { event: "worker.quiet", quiet },
      quiet ? "the worker was asked to take nothing new" : "the worker takes runs again",
    );
    this.#loop.wake();
  }

  async #look(): Promise<number> {
    try {
      return await this.#claimAndStart();
    } catch (error) {
      // While the database is away nobody here takes a message from others.
      this.#rings.refuse();
      throw error;
    }
  }

  async #claimAndStart(): Promise<number> {
    // Handlers that end now free their slots first, so that one claim fills them all.
    await nextTick();
    if (this.#stopping) return LOOK_EVERY_MS;
    this.#incarnation ??= await this.#register();
    const incarnation = this.#incarnation;
    const { id, settler } = incarnation;
    this.#selfTest.beginIfDue(incarnation);
    this.#vitals.tell(id);
    await this.#strays.handBack(id, this.#attempts.leases, settler);
    void this.#counts.tell(id);
    const { concurrency } = this.#options;
    const room = () => {
      const { alone, waiting, busy } = this.#attempts;
      // Handlers that are quicker than the database must not pile up outcomes: more than it can take next only cost memory.
      const choked = settler.pending > settler.atOnce + concurrency;
      const shut =
        this.#stopping || this.#silent || this.#quiet || incarnation !== this.#incarnation;
      // Beside a run that must be alone nothing is started.
      return alone || waiting >= concurrency || choked || shut ? 0 : concurrency - busy;
    };
    if (room() <= 0) {
      // A worker that has its hands full need not claim to be well.
      if (!this.#silent) this.#claimed = true;
      this.#rings.refuse();
      this.#pace.tell(id);
      return LOOK_EVERY_MS;
    }
    const start = (runs: readonly ClaimedRun[]) => {
      if (this.#stopping) this.#attempts.handBack(runs, incarnation);
      else this.#attempts.start(runs, incarnation);
      this.#pace.started(runs);
    };
    await this.#claimTimes.tell(id);
    this.#rings.begin();
    const { taken, more } = await incarnation.claims.claim(room, start).catch((error: unknown) => {
      this.#strays.suspect();
      throw error;
    });
    // Also where every place for isolated runs is taken, and so nothing was asked for.
    this.#claimed = true;
    this.#rings.end(taken, room() > 0);
    this.#pace.tell(id);
    if (more) return 0;
    return Math.min(LOOK_EVERY_MS, await incarnation.claims.opensInMs());
  }

  /** Others may wait for the room that a settled run leaves under a limit. */
  readonly #ring = (queues: string[]): void => {
    this.#loop.wake();
    for (const queue of new Set(queues)) this.#bell.ring(queue);
  };

  async #hold(job: string, key: string | null, forMs: number, reason: string): Promise<void> {
    try {
      await hold(this.#options.db, job, key, forMs, reason);
      this.#options.onHeld?.(job);
      this.#logger.warn(
        { event: "job.held", job, key, forMs },
        "a server asked to wait; the job is held back",
      );
    } catch (error) {
      this.#logger.error(
        { event: "job.hold_failed", err: error, job, key },
        "a job could not be held back",
      );
    }
  }

  async #onBlocked(block: Blocked): Promise<void> {
    const attempts = this.#attempts.inline;
    this.#options.onBlocked?.(block);
    const { db } = this.#options;
    await reportBlock(block, attempts, { db, logger: this.#logger, worker: this.#incarnation?.id });
  }

  async #tellCancelled(): Promise<number> {
    if (this.#attempts.count === 0) return LOOK_EVERY_MS;
    const cancels = await cancelsAmong(this.#options.db, this.#attempts.runs);
    failpoint("cancels.after_read");
    for (const { run_id, reason } of cancels) {
      const why = reason ? `it was cancelled: ${reason}` : "it was cancelled";
      this.#attempts.abort(run_id, "cancelled", why);
    }
    return LOOK_EVERY_MS;
  }

  async #drain(): Promise<void> {
    this.#loop.wake();
    this.#stopHearing?.();
    await this.#loop.stop();
    await this.#rings.close();
    const incarnation = this.#incarnation;
    failpoint("drain.before");
    if (incarnation) await markDraining(this.#options.db, incarnation.id).catch(() => {});
    if (!(await this.#attempts.endedWithin(this.#options.drainMs))) {
      this.#logger.info(
        { event: "worker.handing_back", runs: this.#attempts.count },
        "handing back what has not finished",
      );
      failpoint("release.before");
      this.hurry();
      // The executor's grace, and time to record what it answers.
      if (!(await this.#attempts.endedWithin(10_000))) {
        incarnation?.settler.abandon();
        incarnation?.output.abandon();
      }
    }
    await this.#cancelWatch.stop();
    await this.#lanes.close();
    await this.#http.close();
    await this.#loopWatch.stop();
    this.#vitals.stop();
    if (incarnation) await this.#counts.tell(incarnation.id, true);
    await incarnation?.heartbeat.stop();
    failpoint("gone.before");
    if (incarnation) await markGone(this.#options.db, incarnation.id).catch(() => {});
  }
}

function onlyPublic(): HttpClient {
  return new HttpClient({ guard: new OutboundGuard(new AllowedHosts([])) });
}

/** @throws MillraceError `invalid_job` when a job declares some */
function noSecrets(registry: JobRegistry): SecretLeases {
  const wanting = registry.names.find((name) => registry.get(name)!.secrets.length > 0);
  if (wanting === undefined)
    return new SecretLeases(() => Promise.resolve({ values: {}, goodForMs: Infinity }));
  throw new MillraceError(
    "invalid_job",
    `job ${wanting}: secrets needs a worker that was made with the option secrets`,
  );
}
