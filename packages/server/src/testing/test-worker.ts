import type { Job } from "@millrace/sdk";
import type { HttpClient } from "@millrace/sdk/http";
import { Claimer } from "../engine/claim.ts";
import { hold } from "../engine/pause.ts";
import type { JobRegistry } from "../engine/job-registry.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { takeBackLost } from "../engine/take-back.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Database } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";
import { markLost, registerWorker } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Attempt, type Recorder } from "../worker/attempt.ts";
import { CheckpointKeeper } from "../worker/checkpoint-keeper.ts";
import { CostSettler } from "../worker/cost-settler.ts";
import { execute } from "../worker/executor.ts";
import { RunOutput } from "../worker/run-output.ts";
import { leaseOf } from "./look-around.ts";
import { giveSecrets } from "../worker/give-secrets.ts";
import { openSubject } from "../worker/open-subject.ts";
import type { SecretLeases } from "../worker/secret-leases.ts";
import { Settler } from "../worker/settler.ts";
import { Suspects } from "../worker/suspects.ts";
import { ValueKeeper } from "../worker/value-keeper.ts";

const SLOTS = 100;

/** Nobody serves there. */
const PUBLIC_URL = "https://millrace.test";

export interface TestWorkerOptions {
  /** Where the test looks, and where nothing ever fails. */
  db: Database;
  /** The worker's own way there; default the same. */
  own?: Queryable;
  registry: JobRegistry;
  /** The job as it is to be executed. */
  jobOf: (name: string) => Job;
  logger: Logger;
  secrets: SecretLeases;
  http: HttpClient;
  /** Default: none is kept anywhere but in its checkpoint. */
  values?: ValueKeeper;
  /** The keys of those that runs are about. */
  subjects: Subjects;
}

/**
 * A worker without a heartbeat and without loops, which does what it is told: all else is that of any worker. Handlers run in the test's own
 * process, whatever their isolation.
 */
export class TestWorker {
  readonly id: number;
  readonly #options: TestWorkerOptions;
  #lost = false;
  readonly #claimer: Claimer;
  readonly #recorder: Recorder;
  readonly #holding: Promise<unknown>[] = [];
  readonly #underWay = new Set<Promise<void>>();

  private constructor(id: number, options: TestWorkerOptions) {
    const {
      db,
      own = db,
      registry,
      logger,
      values = new ValueKeeper(undefined),
      secrets,
      http,
    } = options;
    this.id = id;
    this.#options = options;
    this.#claimer = new Claimer(own, id, registry.queues, registry.runnable(registry.names));
    this.#recorder = {
      settler: new Settler(own, id, logger, () => {}),
      output: new RunOutput(own, id, logger, { masks: secrets.masks, logLevel: "debug" }),
      checkpoints: new CheckpointKeeper(
        own,
        id,
        logger,
        () => {},
        values,
        options.subjects,
        () => PUBLIC_URL,
      ),
      // The test looks by itself.
      waits: { soon: () => {} },
      costs: new CostSettler(own, logger),
      suspects: new Suspects(own, id, logger),
      http,
    };
  }

  static async register(options: TestWorkerOptions): Promise<TestWorker> {
    const { db, registry } = options;
    const [row] = await registerWorker(
      db,
      `testing:${process.pid}`,
      SLOTS,
      registry.queues,
      registry.names,
      "testing",
      // Nobody beats for it, and nobody looks whether somebody does.
      2 ** 31 - 1,
      JSON.stringify(registry.versions),
      registry.project,
    );
    return new TestWorker(row!.id, options);
  }

  /** The same with another way to the database, unless it is lost: then it cannot come back. */
  by(own: Queryable): TestWorker | undefined {
    return this.#lost ? undefined : new TestWorker(this.id, { ...this.#options, own });
  }

  /** Claims what may start now, and lets it run to the outcome. @returns how many runs that were */
  async workOff(): Promise<number> {
    const runs = await this.#claimer.claim(SLOTS);
    for (const run of runs) {
      const done = this.#execute(run).finally(() => this.#underWay.delete(done));
      this.#underWay.add(done);
    }
    await Promise.all(this.#underWay);
    await Promise.all(this.#holding.splice(0));
    return runs.length;
  }

  /** Declares it lost, and takes back what it holds. */
  async lose(): Promise<void> {
    this.#lost = true;
    await markLost(this.#options.db, this.id, 0);
    // A lease is passed over while a statement of the worker's own, which was sent before, holds it; a reaper comes again, too.
    do await takeBackLost(this.#options.db);
    while (await this.#holdsLease());
  }

  async #holdsLease(): Promise<boolean> {
    return (await leaseOf(this.#options.db, this.id)).length > 0;
  }

  /** A server that a handler calls has asked all of its job, or of a key of it, to wait. */
  #hold(job: string, key: string | null, forMs: number, reason: string): void {
    this.#holding.push(hold(this.#options.db, job, key, forMs, reason));
  }

  #execute(run: ClaimedRun): Promise<void> {
    const { logger, jobOf, secrets, subjects } = this.#options;
    return new Promise((resolve) => {
      const attempt = new Attempt(
        run,
        jobOf(run.job),
        this.#recorder,
        {
          logger,
          traced: false,
          loopWatch: { reporting: undefined },
          onHold: (...asked) => this.#hold(...asked),
        },
        { handlerEnded: () => {}, stuck: () => {}, over: () => resolve() },
      );
      attempt.context.inline = true;
      const give = () => giveSecrets(attempt, secrets, undefined);
      execute(attempt, attempt, openSubject(attempt, subjects, give))?.armTimeout();
    });
  }
}
