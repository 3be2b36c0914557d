import {
  type FlowPolicy,
  MAX_DEPTH,
  MillraceError,
  type Rate,
  type RateLimitOptions,
  flowPolicy,
  requireName,
} from "@millrace/core";

const IS_QUEUE = Symbol.for("millrace.queue");

const KNOWN = ["name", "concurrency", "rateLimit", "maxDepth"];

/** A queue as its author writes it. */
export interface QueueOptions<Name extends string = string> {
  /** As the `queue` of jobs and callers names it. */
  name: Name;
  /** How many of its runs may run at the same time, over all workers: 1 to 100,000. Default: as many as there are slots. */
  concurrency?: number;
  /** How many of its runs may start in a length of time, over all workers. Default: as many as can. */
  rateLimit?: Pick<RateLimitOptions, "limit" | "per" | "burst">;
  /**
   * How many of its runs may wait: 1 to 100,000,000. Whoever asks for more is refused by `queue_full`. They are counted once a second, so some more may come. Default: as many as come.
   */
  maxDepth?: number;
}

/** A queue as the platform uses it: every option checked. */
export interface Queue<Name extends string = string> {
  readonly name: Name;
  readonly concurrency: number | null;
  readonly rate: Rate | null;
  readonly maxDepth: number | null;
}

/**
 * Defines the limits of a queue. Export it beside the jobs: servers and workers that load it register it, and workers
 * take from it. What an operator sets afterwards, over the API or the command line, holds instead of this until it is
 * taken back.
 *
 * @example
 *   export const reports = defineQueue({ name: "reports", concurrency: 4, rateLimit: { limit: 100, per: "1m" } });
 *
 * @throws MillraceError `invalid_queue` naming the option
 */
export function defineQueue<const Name extends string>(options: QueueOptions<Name>): Queue<Name> {
  const { name, concurrency, rateLimit, maxDepth = null } = options;
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown) {
    throw new MillraceError(
      "invalid_queue",
      `queue ${String(name)}: ${unknown} is not an option; the options are ${KNOWN.join(", ")}`,
    );
  }
  const { jobLimit = null, jobRate = null } = limitsOf(name, concurrency, rateLimit);
  requireDepth(name, maxDepth);
  const queue: Queue<Name> = { name, concurrency: jobLimit, rate: jobRate, maxDepth };
  Object.defineProperty(queue, IS_QUEUE, { value: true });
  return Object.freeze(queue);
}

/** The limits of a queue obey the rules for those of a whole job. */
function limitsOf(
  name: string,
  concurrency: QueueOptions["concurrency"],
  rateLimit: QueueOptions["rateLimit"],
): FlowPolicy {
  try {
    requireName(name, "name");
    refuseOfRuns(rateLimit);
    return flowPolicy({
      ...(concurrency !== undefined && { concurrency: { limit: concurrency } }),
      ...(rateLimit !== undefined && { rateLimit }),
    });
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    // It was given as the number itself.
    const says = error.message.replace(/^concurrency\.limit:/, "concurrency:");
    throw new MillraceError("invalid_queue", `queue ${String(name)}: ${says}`);
  }
}

function requireDepth(name: string, maxDepth: number | null): void {
  if (maxDepth === null || (Number.isInteger(maxDepth) && maxDepth >= 1 && maxDepth <= MAX_DEPTH)) {
    return;
  }
  throw new MillraceError(
    "invalid_queue",
    `queue ${name}: maxDepth: ${String(maxDepth)} is not a whole number from 1 to ${MAX_DEPTH}`,
  );
}

/** Keys and costs lie in inputs, which are a matter of jobs. */
function refuseOfRuns(rateLimit: object | undefined): void {
  for (const option of ["key", "cost"]) {
    if (rateLimit && option in rateLimit) {
      throw new MillraceError(
        "invalid_queue",
        `rateLimit.${option}: it belongs to the rateLimit of a job; a queue has limit, per and burst`,
      );
    }
  }
}

/** Whether a value, such as a module's export, is a queue; it may come from another copy of this package. */
export function isQueue(value: unknown): value is Queue {
  return typeof value === "object" && value !== null && IS_QUEUE in value;
}
