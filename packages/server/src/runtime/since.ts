import { formatDuration } from "@millrace/core";

/** For how long something has been so, and since when: `12 s, since 20:31:05Z`. @param ms until now */
export function forAndSince(ms: number, now = new Date()): string {
  const since = new Date(now.getTime() - ms);
  const day = ms > 12 * 3_600_000 ? `${since.toISOString().slice(0, 10)} ` : "";
  return `${formatDuration(Math.round(ms / 1000) * 1000)}, since ${day}${since.toISOString().slice(11, 19)}Z`;
}
