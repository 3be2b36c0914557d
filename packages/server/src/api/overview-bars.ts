import { MillraceError } from "@millrace/core";
import type { OverviewRange, ReadOverview } from "@millrace/core/api";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How many bars there are, and how long each is, of a range that ends now. */
const BARS = {
  "1h": { count: 60, seconds: 60 },
  "6h": { count: 72, seconds: 300 },
  "24h": { count: 96, seconds: 900 },
  "7d": { count: 84, seconds: 7200 },
} as const satisfies Record<OverviewRange, { count: number; seconds: number }>;

/** How long counts are kept, by the minute and by the hour (`store/outcomes.ts`); less than that, so that the oldest bar is whole. */
export const MINUTES_KEPT_MS = 25 * HOUR_MS;
export const HOURS_KEPT_MS = 31 * 24 * HOUR_MS;

/** How long a bar of any other range may be: as short as gives no more than so many. */
const MOST_BARS = 100;
const BY_MINUTES = [60, 300, 900, 1800];
const BY_HOURS = [3600, 7200, 14_400, 28_800];

export interface Bars {
  readonly range: OverviewRange | null;
  /** The beginning of the first. */
  readonly from: Date;
  readonly count: number;
  readonly seconds: number;
  readonly source: "minutes" | "hours";
  /** Of an earlier time nothing is known any more. */
  readonly keptSince: Date;
}

/**
 * The bars of a range.
 *
 * @throws MillraceError `invalid_request` for a range that is none
 */
export function barsOf({ range, since, until }: ReadOverview, now: Date): Bars {
  if (since === undefined && until === undefined) return upToNow(range ?? "1h", now);
  if (range !== undefined) throw wrong("range is not taken together with since and until");
  if (since === undefined || until === undefined) throw wrong("since and until go together");
  const [asked, to] = [Date.parse(since), Math.min(Date.parse(until), now.getTime())];
  if (asked >= to) throw wrong("since must be before until, and before now");
  const recent = asked >= now.getTime() - MINUTES_KEPT_MS;
  const keptSince = now.getTime() - HOURS_KEPT_MS;
  // What lies wholly before it has one bar, of which nothing is known.
  const from = Math.max(asked, Math.min(keptSince, to - 1));
  const widths = recent ? BY_MINUTES : BY_HOURS;
  const fits = (seconds: number) => (to - from) / (seconds * 1000) <= MOST_BARS - 1;
  const seconds = widths.find(fits) ?? widths.at(-1)!;
  const first = Math.floor(from / (seconds * 1000)) * seconds * 1000;
  return {
    range: null,
    ...{ from: new Date(first), seconds, keptSince: new Date(keptSince) },
    count: Math.ceil((to - first) / (seconds * 1000)),
    source: recent ? "minutes" : "hours",
  };
}

function upToNow(range: OverviewRange, now: Date): Bars {
  const { count, seconds } = BARS[range];
  return {
    ...{ range, count, seconds },
    from: firstBar(now, count, seconds),
    source: range === "7d" ? "hours" : "minutes",
    keptSince: new Date(now.getTime() - HOURS_KEPT_MS),
  };
}

/** The beginning of the first of so many bars, of which the last has now in it. */
export function firstBar(now: Date, count: number, seconds: number): Date {
  const ms = seconds * 1000;
  return new Date(Math.floor(now.getTime() / ms) * ms - (count - 1) * ms);
}

function wrong(why: string): MillraceError {
  return new MillraceError("invalid_request", why, { pointer: "/since" });
}
