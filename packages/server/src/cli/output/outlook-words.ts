import type { QueueOutlook } from "@millrace/core/api";

/** When a queue drains, where there is something to drain and its state does not say it already. */
export function etaText(outlook: QueueOutlook | null): string | null {
  if (outlook === null || ["empty", "paused", "no_worker"].includes(outlook.verdict)) return null;
  return outlook.verdict === "unknown" ? "not known yet" : outlook.words;
}

/** Runs a minute. */
export function rateOf(perMinute: number | null | undefined): string | null {
  if (perMinute === null || perMinute === undefined) return null;
  return perMinute > 0 && perMinute < 10 ? perMinute.toFixed(1) : Math.round(perMinute).toString();
}
