/** What is known of one queue when it is asked how many workers it wants. Rates are per second. */
export interface QueueLoad {
  /** Runs that may start now. */
  waiting: number;
  /** How fast runs must start so that each does by its start deadline. */
  urgentRate: number;
  running: number;
  /** The average of the last seconds. */
  usuallyRunning: number;
  arrivalRate: number;
  /** How fast runs start now, over all workers. */
  startRate: number;
  /** Workers that take from it; one that has other queues as well counts in part. */
  workers: number;
  /** Of one worker. */
  slots: number;
  /** Runs of it that may run at the same time, over all workers; null for no limit. */
  limit: number | null;
}

/** What waits should have started within this time, where no start deadline asks for more. */
const DRAIN_SECONDS = 60;

/** How busy a worker should be: the rest takes what comes in bursts. */
const BUSY = 0.8;

/** Of the slots, when runs wait: with fewer in use, a free slot will take what waits at once. */
const SATURATED = 0.9;

/**
 * How many workers a queue wants: enough for what comes, for what waits, and for what runs. A number between the whole
 * ones, and none when nothing comes, waits or runs.
 */
export function workersWanted(load: QueueLoad): number {
  const { waiting, running, slots, limit } = load;
  const held = running / slots;
  const wanted = Math.max(held, waiting > 0 ? 1 : 0, toKeepUp(load));
  return limit === null ? wanted : Math.min(wanted, Math.max(held, Math.ceil(limit / slots)));
}

function toKeepUp(load: QueueLoad): number {
  const { waiting, urgentRate, arrivalRate, startRate, usuallyRunning, slots, workers } = load;
  if (!isSaturated(load)) return usuallyRunning / (BUSY * slots);
  // Long runs hold all slots, and nothing has started lately; or the workers have just begun.
  if (startRate === 0 || usuallyRunning === 0) return 2 * workers;
  const needed = arrivalRate + Math.max(urgentRate, waiting / DRAIN_SECONDS);
  // By Little's law. Both have the same lag, so workers that have just come do not make runs look slow.
  const runSeconds = usuallyRunning / startRate;
  return (needed * runSeconds) / (BUSY * slots);
}

function isSaturated({ waiting, running, slots, workers }: QueueLoad): boolean {
  return waiting > 0 && (running >= SATURATED * slots * workers || waiting > slots * workers);
}

export interface ScalingPolicy {
  min: number;
  max: number;
  /** For how long more workers than are wanted stay. */
  holdMs: number;
}

/** What was wanted within the hold, oldest first. */
export type ScalingMemory = readonly { readonly at: number; readonly workers: number }[];

/**
 * How many workers there should be: what is wanted now, or was within the hold. So it goes up at once and down when it
 * has been quiet, and a burst that comes again within the hold finds its workers.
 *
 * @param at milliseconds of a clock that does not jump
 */
export function holdWorkers(
  memory: ScalingMemory,
  wanted: number,
  at: number,
  { min, max, holdMs }: ScalingPolicy,
): { workers: number; memory: ScalingMemory } {
  const workers = Math.min(max, Math.max(min, Math.ceil(wanted - 0.05)));
  const recent = memory.filter((before) => at - before.at < holdMs && before.workers > workers);
  const remembered = [...recent, { at, workers }];
  return { workers: Math.max(...remembered.map((each) => each.workers)), memory: remembered };
}

/** Time constants of averages. A worker's own account of its pace, {@link QueueLoad.startRate}, has the first, too. */
const RUNNING_SECONDS = 14;
const ARRIVAL_SECONDS = 30;

/** What two looks at a queue tell, and one does not. */
export interface LoadTrend {
  readonly waiting: number;
  readonly arrivalRate: number;
  readonly usuallyRunning: number;
}

/**
 * Runs that arrive are those that started, and those by which what waits has grown; averaged, because a burst is what
 * waits already.
 *
 * @param before what the last look told; undefined for the first
 * @param seconds since then
 */
export function trendOf(
  { waiting, running, startRate }: Pick<QueueLoad, "waiting" | "running" | "startRate">,
  before: LoadTrend | undefined,
  seconds: number,
): LoadTrend {
  if (!before) return { waiting, arrivalRate: startRate, usuallyRunning: running };
  const arriving = Math.max(0, startRate + (waiting - before.waiting) / seconds);
  return {
    waiting,
    arrivalRate: average(before.arrivalRate, arriving, seconds / ARRIVAL_SECONDS),
    usuallyRunning: average(before.usuallyRunning, running, seconds / RUNNING_SECONDS),
  };
}

function average(before: number, now: number, elapsed: number): number {
  return before + (now - before) * (1 - Math.exp(-elapsed));
}
