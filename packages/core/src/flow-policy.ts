import { type Duration, durationMs } from "./duration.ts";
import { MillraceError } from "./errors.ts";

/** What happens to a run whose concurrency key is full when it comes. */
export const WHEN_FULL = ["wait", "skip", "cancel-running", "replace-waiting"] as const;

export type WhenFull = (typeof WHEN_FULL)[number];

/** How many runs of a job may run at the same time, over all workers. */
export interface ConcurrencyOptions<Path extends string = string> {
  /** Where in the input the key lies, such as `'tenant'` or `'customer.id'`. Without it the limit is that of the whole job. */
  key?: Path;
  /** 1 to 100,000. */
  limit: number;
  /**
   * What happens when a run comes and its key has `limit` runs already:
   * - `wait` (default): it waits for its turn.
   * - `skip`: it is cancelled, with the reason on record, when as many run or wait.
   * - `cancel-running`: the newest run wins; older ones, running or waiting, are cancelled.
   * - `replace-waiting`: the newest of those that cannot start yet waits, older ones that wait are cancelled.
   */
  whenFull?: WhenFull;
}

/** How many runs of a job may start in a length of time, over all workers. */
export interface RateLimitOptions<Path extends string = string> {
  /** Where in the input the key lies; each key has the rate for itself. Without it the rate is that of the whole job. */
  key?: Path;
  /** Starts, or units of cost, per `per`: more than 0. */
  limit: number;
  /** 1ms to 30d. */
  per: Duration;
  /**
   * How much may start at once after a quiet time. In any window of length `per` no more than `limit + burst` start.
   * Default: what a tenth of a second allows, 1 at the least.
   */
  burst?: number;
  /** What a run costs: a number, or where in its input the number lies. Default 1. `ctx.cost` settles what it really was. */
  cost?: number | Path;
}

/** Calls that come soon after each other become one run, with the input of the last. */
export interface DebounceOptions<Path extends string = string> {
  key?: Path;
  /** The run starts when no call has come for so long. */
  wait: Duration;
  /** But never later than so long after the first call. */
  maxWait?: Duration;
}

/** Of the calls in a length of time the first makes a run; the others are answered with it. */
export interface ThrottleOptions<Path extends string = string> {
  key?: Path;
  per: Duration;
}

/** The handler takes many inputs at once: as soon as there are `size`, or when the oldest has waited for `wait`. */
export interface BatchOptions {
  /** 2 to 250. */
  size: number;
  /** 0ms to 1d. */
  wait: Duration;
}

/** When, and beside how many others, runs of a job may start, as an author writes it. */
export interface FlowOptions<Path extends string = string> {
  /** One limit, or two: one for each key and one for the whole job. */
  concurrency?: ConcurrencyOptions<Path> | readonly ConcurrencyOptions<Path>[];
  /** One rate, or two: one for each key and one for the whole job. */
  rateLimit?: RateLimitOptions<Path> | readonly RateLimitOptions<Path>[];
  /** Where in the input the key lies whose runs are to be served in turns, so that nobody waits for another's backlog. */
  fairBy?: Path;
  /** Runs of a queue start in the order of their deadlines: accepted plus this. Default `'10m'`, and never a promise. */
  startWithin?: Duration;
  /** A run that has not started so long after it was accepted is cancelled as expired. */
  ttl?: Duration;
  debounce?: DebounceOptions<Path>;
  throttle?: ThrottleOptions<Path>;
  batch?: BatchOptions;
}

/** A rate as it is stored: `limit` per `perMs`, at most `burst` at once. */
export interface Rate {
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number;
}

/** The same, checked, with durations in milliseconds; this is what the database keeps with the job. */
export interface FlowPolicy {
  /** The path to the key that limits, rates and fairness share. */
  readonly key?: readonly string[];
  /** Runs at the same time with the same key. */
  readonly keyLimit?: number;
  /** Runs of the job at the same time. */
  readonly jobLimit?: number;
  readonly whenFull?: WhenFull;
  readonly keyRate?: Rate;
  readonly jobRate?: Rate;
  /** What a run costs, or where that lies. */
  readonly cost?: number | readonly string[];
  readonly startWithinMs?: number;
  readonly ttlMs?: number;
  readonly collapse?: Collapse;
  readonly batch?: { readonly size: number; readonly waitMs: number };
}

/** Calls that become one run. */
export type Collapse = { readonly key: readonly string[] | null } & (
  | { readonly mode: "debounce"; readonly waitMs: number; readonly maxWaitMs: number }
  | { readonly mode: "throttle"; readonly perMs: number }
);

/** The names of {@link FlowOptions}. */
export const FLOW_OPTIONS = [
  "concurrency",
  "rateLimit",
  "fairBy",
  "startWithin",
  "ttl",
  "debounce",
  "throttle",
  "batch",
] as const satisfies (keyof FlowOptions)[];

const MAX_LIMIT = 100_000;
const MAX_BATCH = 250;
const MAX_PER_MS = 30 * 86_400_000;

/** @throws MillraceError `invalid_job` or `invalid_duration`, naming the option */
export function flowPolicy(options: FlowOptions): FlowPolicy {
  const concurrency = asList(options.concurrency);
  const rates = asList(options.rateLimit);
  const policy = {
    ...keyOf(options, concurrency, rates),
    ...limitsOf(concurrency),
    ...ratesOf(rates),
    ...(options.startWithin !== undefined && {
      startWithinMs: durationMs(options.startWithin, "startWithin"),
    }),
    ...(options.ttl !== undefined && { ttlMs: positive(durationMs(options.ttl, "ttl"), "ttl") }),
    ...collapseOf(options),
    ...(options.batch && { batch: batchOf(options.batch) }),
  };
  if (policy.whenFull && policy.whenFull !== "wait" && policy.batch) {
    refuse("concurrency.whenFull", `${policy.whenFull} cannot be had together with batch`);
  }
  return policy;
}

function asList<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** A run stands in one lane, so everything that is counted by key must be counted by the same one. */
function keyOf(
  options: FlowOptions,
  concurrency: readonly ConcurrencyOptions[],
  rates: readonly RateLimitOptions[],
): { key?: string[] } {
  const named = [
    ...concurrency.map(({ key }) => ({ option: "concurrency.key", key })),
    ...rates.map(({ key }) => ({ option: "rateLimit.key", key })),
    { option: "fairBy", key: options.fairBy },
  ].filter(({ key }) => key !== undefined);
  const [first] = named;
  if (!first) return {};
  const other = named.find(({ key }) => key !== first.key);
  if (other) {
    refuse(
      other.option,
      `${JSON.stringify(other.key)} is another key than ${JSON.stringify(first.key)} of ${first.option}; the limits of one job share one key`,
    );
  }
  return { key: pathOf(first.key, first.option) };
}

const LIMIT_OPTIONS = ["key", "limit", "whenFull"];

function limitsOf(
  concurrency: readonly ConcurrencyOptions[],
): Pick<FlowPolicy, "keyLimit" | "jobLimit" | "whenFull"> {
  const limits: { keyLimit?: number; jobLimit?: number; whenFull?: WhenFull } = {};
  for (const given of concurrency) {
    known(given, LIMIT_OPTIONS, "concurrency");
    const { key, limit, whenFull = "wait" } = given;
    const which = key === undefined ? "jobLimit" : "keyLimit";
    if (limits[which] !== undefined) {
      refuse("concurrency", `it has two limits ${key === undefined ? "without a key" : "by key"}`);
    }
    limits[which] = wholeBetween(limit, 1, MAX_LIMIT, "concurrency.limit");
    if (!WHEN_FULL.includes(whenFull)) {
      refuse(
        "concurrency.whenFull",
        `${JSON.stringify(whenFull)} is none of ${WHEN_FULL.join(", ")}`,
      );
    }
    if (whenFull === "wait") continue;
    if (key === undefined) {
      refuse("concurrency.whenFull", `${whenFull} needs a key; without one runs wait`);
    }
    limits.whenFull = whenFull;
  }
  return limits;
}

const RATE_OPTIONS = ["key", "limit", "per", "burst", "cost"];

function ratesOf(
  rates: readonly RateLimitOptions[],
): Pick<FlowPolicy, "keyRate" | "jobRate" | "cost"> {
  const policy: { keyRate?: Rate; jobRate?: Rate; cost?: number | readonly string[] } = {};
  for (const given of rates) {
    known(given, RATE_OPTIONS, "rateLimit");
    const which = given.key === undefined ? "jobRate" : "keyRate";
    if (policy[which]) {
      refuse(
        "rateLimit",
        `it has two rates ${given.key === undefined ? "without a key" : "by key"}`,
      );
    }
    policy[which] = rateOf(given, "rateLimit");
    if (given.cost === undefined) continue;
    const cost = costOf(given.cost);
    if (policy.cost !== undefined && String(policy.cost) !== String(cost)) {
      refuse("rateLimit.cost", "both rates of a job count the same cost");
    }
    policy.cost = cost;
  }
  return policy;
}

/** @throws MillraceError `invalid_job` naming the option */
export function rateOf(
  { limit, per, burst }: Pick<RateLimitOptions, "limit" | "per" | "burst">,
  option: string,
): Rate {
  if (!(Number.isFinite(limit) && limit > 0 && limit <= 1e9)) {
    refuse(`${option}.limit`, `${limit} is not a number above 0 and up to 1,000,000,000`);
  }
  const perMs = durationMs(per, `${option}.per`);
  if (perMs < 1 || perMs > MAX_PER_MS) refuse(`${option}.per`, "it must be from 1ms to 30d");
  const atOnce = burst ?? Math.max(1, Math.ceil((limit / perMs) * 100));
  if (!(Number.isFinite(atOnce) && atOnce >= 1 && atOnce <= 1e9)) {
    refuse(`${option}.burst`, `${burst} is not a number from 1 to 1,000,000,000`);
  }
  return { limit, perMs, burst: atOnce };
}

function costOf(cost: number | string): number | readonly string[] {
  if (typeof cost === "string") return pathOf(cost, "rateLimit.cost");
  if (Number.isFinite(cost) && cost > 0 && cost <= 1e9) return cost;
  return refuse("rateLimit.cost", `${cost} is not a number above 0`);
}

function collapseOf({ debounce, throttle }: FlowOptions): { collapse?: Collapse } {
  if (debounce && throttle) refuse("throttle", "a job has debounce or throttle, not both");
  if (debounce) {
    known(debounce, ["key", "wait", "maxWait"], "debounce");
    const waitMs = positive(durationMs(debounce.wait, "debounce.wait"), "debounce.wait");
    const maxWaitMs = durationMs(debounce.maxWait ?? "36500d", "debounce.maxWait");
    if (maxWaitMs < waitMs) refuse("debounce.maxWait", "it is shorter than debounce.wait");
    return {
      collapse: { mode: "debounce", key: collapseKey(debounce.key, "debounce"), waitMs, maxWaitMs },
    };
  }
  if (throttle) {
    known(throttle, ["key", "per"], "throttle");
    const perMs = positive(durationMs(throttle.per, "throttle.per"), "throttle.per");
    return { collapse: { mode: "throttle", key: collapseKey(throttle.key, "throttle"), perMs } };
  }
  return {};
}

function collapseKey(key: string | undefined, option: string): readonly string[] | null {
  return key === undefined ? null : pathOf(key, `${option}.key`);
}

function batchOf(batch: BatchOptions): { size: number; waitMs: number } {
  known(batch, ["size", "wait"], "batch");
  const waitMs = durationMs(batch.wait, "batch.wait");
  if (waitMs > 86_400_000) refuse("batch.wait", "it must be from 0ms to 1d");
  return { size: wholeBetween(batch.size, 2, MAX_BATCH, "batch.size"), waitMs };
}

function pathOf(path: unknown, option: string): string[] {
  const parts = typeof path === "string" ? path.split(".") : [];
  if (parts.length > 0 && parts.length <= 10 && parts.every((part) => part !== "")) return parts;
  return refuse(option, `${JSON.stringify(path)} is not a path into the input, such as "tenant"`);
}

function known(options: object, names: readonly string[], option: string): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown) {
    refuse(`${option}.${unknown}`, `it is not an option; the options are ${names.join(", ")}`);
  }
}

function positive(ms: number, option: string): number {
  return ms >= 1 ? ms : refuse(option, "it must be longer than nothing");
}

function wholeBetween(value: number, min: number, max: number, option: string): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(option, `${value} is not a whole number from ${min} to ${max}`);
}

function refuse(option: string, why: string): never {
  throw new MillraceError("invalid_job", `${option}: ${why}`);
}
