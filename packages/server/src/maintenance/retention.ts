const DAY_MS = 86_400_000;

/** What a job, or the server for all that say nothing, wants its runs to be kept for. Infinity keeps for ever. */
export interface Retention {
  /** Of jobs that say nothing. */
  readonly defaultMs: number;
  readonly jobs: readonly { name: string; retention_ms: number | null }[];
}

/**
 * How many days one partition holds. Every partition costs every claim something, so there should be few: 14 and a few
 * daily ones, 17 and a few of a week, or 13 a year.
 */
export function spanDays(retention: Retention): 1 | 7 | 28 {
  const days = longestMs(retention) / DAY_MS;
  if (days <= 14) return 1;
  return days <= 120 ? 7 : 28;
}

/** Before when a run must have ended, by what its job says; null for never. */
export interface Cutoffs {
  readonly jobs: string[];
  readonly mayGo: (Date | null)[];
  readonly mustGo: (Date | null)[];
  readonly otherMayGo: Date | null;
  readonly otherMustGo: Date | null;
}

/**
 * A run may go with its whole partition when its time is over. It must go by itself when its job keeps it for less than
 * others are kept, or when the partition, because of what else is in it, has outlived it by its own width.
 */
export function cutoffs(retention: Retention, now: Date, widthMs: number): Cutoffs {
  const before = (ms: number) =>
    Number.isFinite(ms) ? new Date(Math.max(0, now.getTime() - ms)) : null;
  const own = retention.jobs.filter((job) => job.retention_ms !== null);
  const slack = (ms: number) => (ms < retention.defaultMs ? 0 : widthMs);
  return {
    jobs: own.map((job) => job.name),
    mayGo: own.map((job) => before(job.retention_ms ?? Infinity)),
    mustGo: own.map((job) =>
      before((job.retention_ms ?? Infinity) + slack(job.retention_ms ?? Infinity)),
    ),
    otherMayGo: before(retention.defaultMs),
    otherMustGo: before(retention.defaultMs + widthMs),
  };
}

/** Nothing that was accepted after this is old enough for anybody; null when nothing ever is. */
export function horizon(retention: Retention, now: Date): Date | null {
  const shortest = Math.min(retention.defaultMs, ...ownMs(retention));
  return Number.isFinite(shortest) ? new Date(now.getTime() - shortest) : null;
}

function longestMs(retention: Retention): number {
  return Math.max(retention.defaultMs, ...ownMs(retention));
}

function ownMs({ jobs }: Retention): number[] {
  return jobs.map((job) => job.retention_ms).filter((ms) => ms !== null);
}
