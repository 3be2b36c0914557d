/** A rule by the clock on the wall: which wall times it names, whatever a zone makes of them. */
export interface WallRule {
  /**
   * Whether it names every hour of its days. Such a rule follows the clock: it fires whenever the clock shows a time that
   * it names. Any other fires once for each time that it names, also for one that the clock skips or shows twice.
   */
  readonly everyHour: boolean;
  /** The first wall time that it names after another; null when there is none. */
  next(after: number): number | null;
}

/** Days, and times of day in milliseconds, in order: what cron and calendars come down to. */
export function dayTimes(
  nextDay: (after: number) => number | null,
  times: TimesOfDay,
): (after: number) => number | null {
  return (after) => {
    const today = Math.floor(after / DAY) * DAY;
    // The day before `today`, so that today itself may be found.
    const day = nextDay(today - DAY);
    if (day === null) return null;
    if (day > today) return day + times.first;
    const time = times.next(after - today);
    if (time !== null) return day + time;
    const later = nextDay(today);
    return later === null ? null : later + times.first;
  };
}

export interface TimesOfDay {
  readonly first: number;
  /** The first after a time of the same day; null when the day has no more. */
  next(after: number): number | null;
}

/** From a list that is sorted. */
export function listedTimes(times: readonly number[]): TimesOfDay {
  return { first: times[0]!, next: (after) => times.find((time) => time > after) ?? null };
}

export const DAY = 86_400_000;
