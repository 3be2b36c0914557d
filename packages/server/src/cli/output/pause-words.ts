import { formatDuration } from "@millrace/core";
import type { PausedInfo, QueueInfo, RateInfo } from "@millrace/core/api";
import { localTime } from "./words.ts";

/** A pause, such as `‖ Paused by api until 2026-01-31 18:00:00: vendor down`. */
export function pauseText(paused: PausedInfo): string {
  return `‖ Paused ${byWhom(paused)}`;
}

/** A drain of a queue, such as `⇣ Draining, by api: it moves`. */
export function drainText(drained: PausedInfo): string {
  return `⇣ Draining, ${byWhom(drained)}`;
}

/** A job that is disabled, such as `⊘ Disabled by api: it sends letters twice`. */
export function disabledText(disabled: PausedInfo): string {
  return `⊘ Disabled ${byWhom(disabled)}`;
}

function byWhom({ by, reason, until }: PausedInfo): string {
  const end = until ? ` until ${localTime(until)}` : "";
  return `by ${by}${end}${reason ? `: ${reason}` : ""}`;
}

/** Limits, such as `4 at once, 100/1 m (burst 5), up to 1000 waiting`; null for none. */
export function limitsText({
  concurrency,
  rate,
  maxDepth,
}: Pick<QueueInfo, "concurrency" | "rate" | "maxDepth">): string | null {
  const parts: string[] = [];
  if (concurrency !== null) parts.push(`${concurrency} at once`);
  if (rate) parts.push(rateText(rate));
  if (maxDepth !== null) parts.push(`up to ${maxDepth} waiting`);
  return parts.length > 0 ? parts.join(", ") : null;
}

/** A rate, such as `100/1 m (burst 5)`. */
export function rateText({ limit, perMs, burst }: RateInfo): string {
  return `${limit}/${formatDuration(perMs)} (burst ${burst})`;
}
