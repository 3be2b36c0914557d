import type { PartRow } from "../../store/retention.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** What was added within this time tells the present rate. */
const RATE_OVER_MS = 7 * DAY_MS;

/** So far ahead it is told how much there will be. */
const AHEAD_DAYS = [7, 30, 90, 365];

/** How long things are kept after they ended, in milliseconds; Infinity for ever. */
export interface Kept {
  readonly runsMs: number;
  readonly logsMs: number;
}

export interface Amount {
  readonly runs: number;
  readonly bytes: number;
}

export interface Outlook extends Amount {
  /** Null where less than an hour tells of it. */
  readonly perDay: Amount | null;
  readonly forecast: readonly ({ at: Date } & Amount)[];
  readonly next: ({ from: Date; until: Date; goesAt: Date | null } & Amount) | null;
}

/**
 * How much history there is, and how much there will be if as much is added each day as within the last week. A forecast is what
 * is there now without the partitions that will have gone, and what will have come and not gone. It takes it that all goes that may:
 * what stays longer, such as dead letters and runs of jobs that are kept for longer, comes on top.
 *
 * @param oldest when the oldest run was accepted
 */
export function outlook(
  parts: readonly PartRow[],
  { kept, now, oldest }: { kept: Kept; now: Date; oldest: Date | undefined },
): Outlook {
  const perDay = rateOf(parts, now, oldest);
  const ahead = AHEAD_DAYS.map((days) => new Date(now.getTime() + days * DAY_MS));
  return {
    ...sum(parts),
    perDay,
    forecast: perDay ? ahead.map((at) => ({ at, ...amountAt(at) })) : [],
    next: nextOf(parts, kept, oldest),
  };

  function amountAt(at: Date): Amount {
    const left = sum(parts.filter((part) => (goesAt(part, kept) ?? Infinity) > at.getTime()));
    const days = (at.getTime() - now.getTime()) / DAY_MS;
    const come = Math.min(days, kept.runsMs / DAY_MS);
    return { runs: left.runs + come * perDay!.runs, bytes: left.bytes + come * perDay!.bytes };
  }
}

function sum(parts: readonly PartRow[]): Amount {
  let [runs, bytes] = [0, 0];
  for (const part of parts) {
    if (part.parent === "run") runs += part.rows;
    bytes += part.bytes;
  }
  return { runs, bytes };
}

/** When nothing but what must stay holds a partition any longer, in milliseconds. */
function goesAt({ parent, to_at: to }: PartRow, { runsMs, logsMs }: Kept): number | undefined {
  const at = to === null ? Infinity : to.getTime() + (parent === "log" ? logsMs : runsMs);
  return Number.isFinite(at) ? at : undefined;
}

function rateOf(parts: readonly PartRow[], now: Date, oldest: Date | undefined): Amount | null {
  const since = now.getTime() - RATE_OVER_MS;
  const recent = parts.filter(
    ({ from_at: from, to_at: to }) => from && to && to.getTime() > since && from <= now,
  );
  if (!oldest || recent.length === 0) return null;
  const began = Math.min(...recent.map(({ from_at }) => from_at!.getTime()));
  const overMs = now.getTime() - Math.max(began, oldest.getTime());
  if (overMs < HOUR_MS) return null;
  const { runs, bytes } = sum(recent);
  return { runs: (runs / overMs) * DAY_MS, bytes: (bytes / overMs) * DAY_MS };
}

/** The oldest partition that may hold a run, with its companions of the other tables. */
function nextOf(parts: readonly PartRow[], kept: Kept, oldest: Date | undefined): Outlook["next"] {
  const runs = parts.filter(({ parent, from_at: from }) => parent === "run" && from !== null);
  const [first] = oldest ? runs.filter(({ to_at: to }) => to! > oldest) : [];
  if (!first) return null;
  const [from, until] = [first.from_at!, first.to_at!];
  const together = parts.filter(
    (part) => part.from_at?.getTime() === from.getTime() && part.to_at! <= until,
  );
  const at = goesAt(first, kept);
  return { from, until, goesAt: at === undefined ? null : new Date(at), ...sum(together) };
}
