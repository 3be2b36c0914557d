import { MillraceError } from "@millrace/core";
import type { HeldSecrets, Job } from "@millrace/sdk";
import { carriedHere } from "@millrace/sdk/tracing";
import type { JobRegistry } from "../../engine/job-registry.ts";
import type { ClaimedRun } from "../../store/claim.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { takesSpans } from "../../telemetry/tracing/taken-spans.ts";
import type { AttemptContext } from "../attempt-context.ts";
import type { Handling } from "../handling.ts";
import { ProcessPool } from "./process-pool.ts";
import type { CarriedTrace, CrossingSecrets } from "./protocol.ts";
import { ThreadPool } from "./thread-pool.ts";

/** Most suspects are innocent, and wait more than they compute: they must not stand in line for one core. */
const MIN_SUSPECTS = 4;

type Environment = Readonly<Record<string, string | undefined>>;

export interface Places {
  busy: number;
  idle: number;
}

export interface IsolationOptions {
  /** Where compiled TypeScript may be kept: a folder that nobody else can write to. */
  cacheFolder: string;
  /** How many processes, and how many threads, run handlers at the same time. */
  processes: number;
  threads: number;
  /** For processes of jobs that ask for one: without the secrets of the platform. */
  environment: Environment;
  /** For processes of suspects whose job runs inline or in a thread, and finds there what the worker was started with. */
  inlineEnvironment: Environment;
}

/**
 * Where a run is executed:
 * - inline: in the worker, beside the others.
 * - thread, process: in a place of its own.
 * - alone: in the worker, but while it runs nothing else does.
 */
export type Lane = "inline" | "thread" | "process" | "alone";

/**
 * Chooses where runs are executed, and executes those that have a place of their own.
 *
 * A run whose worker died once is a suspect: it may be what killed it. It is executed where it can harm nobody else, in
 * a process of its own whatever its job says, or alone in the worker where its job's file is not known.
 */
export class Lanes {
  readonly #registry: JobRegistry;
  readonly #options: IsolationOptions | undefined;
  readonly #processes: ProcessPool;
  readonly #suspects: ProcessPool;
  readonly #threads: ThreadPool;
  /** Runs that are to have a place, and wait for something else before. */
  readonly #expected = { thread: 0, process: 0 };

  /**
   * @param options without them nothing can be isolated
   * @throws MillraceError `invalid_job` when a job wants to be, and there are none
   */
  constructor(registry: JobRegistry, options: IsolationOptions | undefined, logger: Logger) {
    const wanting = registry.names.find((name) => registry.get(name)!.isolation !== "inline");
    if (wanting !== undefined && !options) {
      throw new MillraceError(
        "invalid_job",
        `job ${wanting}: isolation ${JSON.stringify(registry.get(wanting)!.isolation)} needs a worker that was made with the option isolation`,
      );
    }
    this.#registry = registry;
    this.#options = options;
    this.#processes = new ProcessPool(options?.processes ?? 1, logger);
    this.#suspects = new ProcessPool(Math.max(MIN_SUSPECTS, options?.processes ?? 1), logger);
    this.#threads = new ThreadPool(options?.threads ?? 1);
  }

  laneOf({ losses, lost }: ClaimedRun, job: Job): Lane {
    // Its input is refused before its handler is started.
    if (lost !== undefined) return "inline";
    if (losses === 0) return job.isolation;
    return this.#options && this.#registry.fileOf(job.name) !== undefined ? "process" : "alone";
  }

  /** How many more runs of jobs of that isolation could begin at once. */
  room(isolation: Job["isolation"]): number {
    if (isolation === "inline") return Infinity;
    const pool = isolation === "thread" ? this.#threads : this.#processes;
    return Math.max(0, pool.room - this.#expected[isolation]);
  }

  /**
   * Keeps a place free for a run that is to be executed there.
   *
   * @returns what to call when it takes the place, or will not; once counts
   */
  expect(lane: "thread" | "process"): () => void {
    let expected = 1;
    this.#expected[lane]++;
    return () => {
      this.#expected[lane] -= expected;
      expected = 0;
    };
  }

  /** How many places of each kind run a handler, and how many stand by. */
  get places(): Record<"process" | "thread", Places> {
    const [processes, suspects, threads] = [this.#processes, this.#suspects, this.#threads];
    return {
      process: { busy: processes.busy + suspects.busy, idle: processes.idle + suspects.idle },
      thread: { busy: threads.busy, idle: threads.idle },
    };
  }

  /** @param proven how often the run is known to have ended what executed it */
  start(
    run: ClaimedRun,
    job: Job,
    context: AttemptContext,
    lane: "thread" | "process",
    proven: number,
  ): Handling {
    const { cacheFolder, environment, inlineEnvironment } = this.#options!;
    const task = {
      file: this.#registry.fileOf(job.name)!,
      cacheFolder,
      job: job.name,
      runId: run.id,
      attempt: context.attempt,
      trigger: run.trigger,
      scheduledFor: run.scheduledFor,
      correlationId: run.correlationId,
      input: run.input,
      secrets: crossing(context.secretValues),
      limits: context.checkpoints.limits,
      hold: context.hold,
      ...(context.seal && { sealed: true as const }),
      trace: traceHere(),
    };
    const { memoryLimit } = job;
    if (lane === "thread") return this.#threads.run({ task, context, memoryLimit });
    const pool = run.losses > 0 ? this.#suspects : this.#processes;
    return pool.run({
      task,
      context,
      memoryLimit,
      environment: job.isolation === "process" ? environment : inlineEnvironment,
      // Until then it most likely had bad neighbours, and a warm place is a quick one. What ends a place once may have been what an
      // earlier run left there; the second time, which makes a dead letter, nothing else was there.
      fresh: proven > 0,
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#threads, this.#processes, this.#suspects].map((pool) => pool.close()));
  }
}

/** Called within the span of the attempt. */
function traceHere(): CarriedTrace | undefined {
  const span = carriedHere();
  return span === undefined ? undefined : { span, taken: takesSpans() };
}

/** What is bound to hosts stays here: the worker makes the calls. */
function crossing(held: HeldSecrets): CrossingSecrets {
  const secrets = Object.entries(held).map(([name, secret]): [string, string | null] => [
    name,
    typeof secret === "string" ? secret : null,
  ]);
  return Object.fromEntries(secrets);
}
