import type { History, Retention, RetentionRule } from "@millrace/core/api";
import type { Kept } from "../../engine/history/outlook.ts";
import type { HistoryNow, RetentionNow } from "../../engine/history/read-retention.ts";
import { instant } from "./instant.ts";

export function presentRetention(
  { now, rules, jobs, history }: RetentionNow,
  kept: Kept,
): Retention {
  return {
    now: instant(now),
    runsKeptMs: keptFor(kept.runsMs),
    rules: rules.map(presentRule),
    jobs: jobs.map(({ job, retention_ms: ms }) => ({ job, keptMs: keptFor(ms) })),
    history: history ? presentHistory(history) : null,
  };
}

function presentRule({ what, keptMs, setBy, size }: RetentionNow["rules"][number]): RetentionRule {
  return {
    ...{ what, setBy, keptMs: keptMs === null ? null : keptFor(keptMs) },
    ...{ rows: size?.rows ?? null, bytes: size?.bytes ?? null },
  };
}

function presentHistory(history: HistoryNow): History {
  const { since, runs, bytes, perDay, forecast, next, kept, otherBytes } = history;
  return {
    ...{ since: instant(since), runs, bytes, perDay, kept, otherBytes },
    forecast: forecast.map((then) => ({ ...then, at: instant(then.at) })),
    next: next && {
      ...{ from: instant(next.from), until: instant(next.until), goesAt: instant(next.goesAt) },
      ...{ runs: next.runs, bytes: next.bytes },
    },
  };
}

function keptFor(ms: number): number | "forever" {
  return ms === Infinity ? "forever" : ms;
}
