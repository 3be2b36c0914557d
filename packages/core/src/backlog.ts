import { formatDuration } from "./duration.ts";

/** What is known of a queue at the end of a minute, or of whatever lies between two looks. */
export interface QueueSample {
  /** Milliseconds of Unix time. */
  readonly at: number;
  /** Runs that could start or were held back, then. */
  readonly depth: number;
  /** Runs that workers have started since the sample before. */
  readonly starts: number;
}

/** A queue now. */
export interface QueueNow {
  /** Milliseconds of Unix time, by the clock of the samples. */
  readonly at: number;
  /** Runs that may start, and that are held back. */
  readonly ready: number;
  readonly held: number;
  readonly running: number;
  readonly paused: boolean;
  /** Living workers that take from it, and how many runs they may execute at a time. */
  readonly workers: number;
  readonly slots: number;
  /** Whether these workers take from no other queue. */
  readonly alone: boolean;
  /** Runs of it that may run at the same time, over all workers; null for no limit. */
  readonly limit: number | null;
  /** Whether a rate limits how many of them start. */
  readonly rated: boolean;
}

/**
 * - empty: nothing waits.
 * - paused: nothing starts until it is resumed, by a person or by itself.
 * - no_worker: no living worker takes from it.
 * - unknown: too little has started lately to tell.
 * - keeps_up: what waits is less than starts in a minute.
 * - drains: what waits gets less.
 * - grows: what waits does not get less: it will not drain.
 */
export const OUTLOOKS = [
  "empty",
  "paused",
  "no_worker",
  "unknown",
  "keeps_up",
  "drains",
  "grows",
] as const;

export interface Outlook {
  readonly verdict: (typeof OUTLOOKS)[number];
  /** Runs that come in and that start, per minute; null where there are no samples yet. */
  readonly inPerMinute: number | null;
  readonly outPerMinute: number | null;
  /** Of `keeps_up` and `drains`: in how many seconds what waits now has started. */
  readonly seconds: number | null;
  /** Of `drains`: at the pace of the better and of the worse quarter of the last half hour; null where at that it would not drain. */
  readonly soonest: number | null;
  readonly latest: number | null;
  /** Of `grows`: by how many runs a minute. */
  readonly growth: number | null;
  /** Of `grows`: so many more workers like those that it has would do it, where nothing but slots is in the way. */
  readonly moreWorkers: number | null;
}

/** Weights of samples fall to a third in this time. */
const AVERAGE_MS = 5 * 60_000;

/** Of the samples that are looked at. */
const WINDOW_MS = 30 * 60_000;

/** With fewer starts within the time of the average a rate is chance. */
const LEAST_STARTS = 20;

/** Quartiles of fewer minutes say nothing. */
const LEAST_SPREAD = 4;

/** Of the slots, when runs wait: with fewer in use, slots are not what is missing. */
const SATURATED = 0.9;

/** Longer than this since the last sample, nobody samples any more. */
const STALE_MS = 3 * 60_000;

/**
 * When what waits in a queue will have started, from how it went within the last half hour.
 *
 * @param samples oldest first
 */
export function outlookOf(now: QueueNow, samples: readonly QueueSample[]): Outlook {
  const depth = now.ready + now.held;
  const pace = paceOf(now, samples);
  const rates = { inPerMinute: pace?.in ?? null, outPerMinute: pace?.out ?? null };
  const told = (verdict: Outlook["verdict"], more: Partial<Outlook> = {}): Outlook => ({
    ...{ verdict, ...rates, seconds: null, soonest: null, latest: null },
    ...{ growth: null, moreWorkers: null, ...more },
  });
  if (depth === 0) return told("empty");
  if (now.paused) return told("paused");
  if (now.workers === 0) return told("no_worker");
  if (!pace) return told("unknown");
  const { busy } = pace;
  // That what started was all there was makes it no less: it starts within that time.
  const out = Math.max(pace.out, busy?.out ?? 0);
  if (pace.starts >= LEAST_STARTS && depth < out) {
    return told("keeps_up", { seconds: (depth / out) * 60 });
  }
  if (!busy) return told("unknown");
  if (busy.net > 0 && busy.starts >= LEAST_STARTS) {
    const [worse, better] = quartilesOf(busy.nets);
    const seconds = (depth / busy.net) * 60;
    const within = (rate: number) => (rate > 0 ? (depth / rate) * 60 : null);
    if (busy.nets.length < LEAST_SPREAD) return told("drains", { seconds });
    const soonest = Math.min(seconds, within(better) ?? seconds);
    const slow = within(worse);
    return told("drains", { seconds, soonest, latest: slow && Math.max(seconds, slow) });
  }
  // What comes in within the time of the average is enough to tell, though too little starts.
  const growth = Math.max(0, -busy.net);
  if (busy.starts < LEAST_STARTS && growth * (AVERAGE_MS / 60_000) < LEAST_STARTS) {
    return told("unknown");
  }
  return told("grows", { growth, moreWorkers: moreWorkersFor(now, busy) });
}

interface Pace {
  /** Per minute: averages, of which later ones count more. */
  in: number;
  out: number;
  /** Within the time of the average. */
  starts: number;
}

/** In minutes at whose ends something waited. In others no more may have started than was asked for: that is no pace of the workers. */
interface BusyPace extends Pace {
  net: number;
  /** How much less waited after each minute. */
  nets: number[];
}

function paceOf(
  now: QueueNow,
  all: readonly QueueSample[],
): (Pace & { busy: BusyPace | undefined }) | undefined {
  const samples = all.filter(({ at }) => now.at - at <= WINDOW_MS);
  const last = samples.at(-1);
  if (samples.length < 2 || !last || now.at - last.at > STALE_MS) return undefined;
  const any = averageOf(now, samples, () => true);
  return any && { ...any, busy: averageOf(now, samples, ({ depth }) => depth > 0) };
}

/** @param counts minutes between two samples that both do */
function averageOf(
  now: QueueNow,
  samples: readonly QueueSample[],
  counts: (sample: QueueSample) => boolean,
): BusyPace | undefined {
  const sums = { minutes: 0, out: 0, net: 0 };
  const nets: number[] = [];
  let starts = 0;
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (!before || !counts(before) || !counts(sample)) continue;
    const minutes = (sample.at - before.at) / 60_000;
    if (minutes <= 0) continue;
    const weight = Math.exp(-(now.at - sample.at) / AVERAGE_MS);
    const less = before.depth - sample.depth;
    sums.minutes += weight * minutes;
    sums.out += weight * sample.starts;
    sums.net += weight * less;
    nets.push(less / minutes);
    if (now.at - sample.at <= AVERAGE_MS) starts += sample.starts;
  }
  if (sums.minutes === 0) return undefined;
  const out = sums.out / sums.minutes;
  const net = sums.net / sums.minutes;
  return { in: Math.max(0, out - net), out, net, starts, nets };
}

function quartilesOf(values: readonly number[]): [lower: number, upper: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)]!;
  return [at(0.25), at(0.75)];
}

/**
 * Known only where slots are what is missing, and where it is known what one worker does for this queue: all its workers take from it
 * alone, nearly all their slots are taken, no limit and no rate stands before them, and what waits is not held back.
 */
function moreWorkersFor(now: QueueNow, pace: BusyPace): number | null {
  const { workers, slots, running, limit, rated, held, ready, alone } = now;
  if (!alone || rated || held > ready || running < SATURATED * slots) return null;
  if (pace.starts < LEAST_STARTS || ready <= slots) return null;
  const each = pace.out / workers;
  // A twentieth more than comes in, so that it gets less at all.
  const wanted = Math.ceil((pace.in * 1.05) / each);
  if (limit !== null && limit < (wanted * slots) / workers) return null;
  return Math.max(1, wanted - workers);
}

/**
 * An outlook for people, such as `~6 m (4 m to 11 m)` or `growing 120/min, will not drain`; the same wherever it is told.
 *
 * @param pausedUntil of a paused queue: when it resumes by itself, in milliseconds of Unix time
 */
export function outlookInWords(outlook: Outlook, pausedUntil: number | null = null): string {
  const { verdict, seconds, soonest, latest, growth, moreWorkers } = outlook;
  switch (verdict) {
    case "empty":
      return "nothing waits";
    case "paused":
      return pausedUntil === null
        ? "paused, will not drain until it is resumed"
        : `paused until ${new Date(pausedUntil).toISOString()}`;
    case "no_worker":
      return "no worker takes from it, will not drain";
    case "unknown":
      return "too little has started lately to tell when it drains";
    case "keeps_up":
      return `keeps up: what waits starts within ${about(Math.max(1, seconds!))}`;
    case "drains": {
      if (soonest === null) return `~${about(seconds!)}`;
      const [from, until] = [about(soonest), latest === null ? null : about(latest)];
      if (from === until) return `~${about(seconds!)}`;
      const end = until === null ? "or, at its slowest, never" : `to ${until}`;
      return `~${about(seconds!)} (${from} ${end})`;
    }
    case "grows": {
      const how = growth! < 1 ? "not getting less" : `growing ${wholeNumber(growth!)}/min`;
      if (moreWorkers === null) return `${how}, will not drain`;
      const workers = `${moreWorkers} more worker${moreWorkers === 1 ? "" : "s"}`;
      return `${how}, will not drain; ${workers} would do it`;
    }
  }
}

/** An estimate must not look like a measurement: one unit, and two digits at the most. */
function about(seconds: number): string {
  if (seconds < 60) return formatDuration(Math.round(seconds) * 1000);
  const [size, unit] = (
    [
      [86_400, "d"],
      [3600, "h"],
      [60, "m"],
    ] as const
  ).find(([each]) => seconds >= each)!;
  const amount = seconds / size;
  return `${amount < 10 && size > 60 ? Number(amount.toFixed(1)) : Math.round(amount)} ${unit}`;
}

function wholeNumber(n: number): string {
  return Math.round(n).toLocaleString("en-GB");
}
