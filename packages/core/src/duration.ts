import { MillraceError } from "./errors.ts";

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time, such as `'250ms'`, `'30s'`, `'1.5h'`. A day is 24 hours. */
export type Duration = `${number}${keyof typeof UNIT_MS}`;

const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** A hundred years: longer is a mistake, and it keeps sums of instants inside what PostgreSQL and JavaScript can hold. */
export const LONGEST_DURATION = "36525d";

/** In milliseconds, however long; NaN for what is no duration. */
function writtenMs(text: string): number {
  const match = PATTERN.exec(text);
  return match ? Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]) : NaN;
}

export function isTooLong(text: string): boolean {
  return writtenMs(text) > writtenMs(LONGEST_DURATION);
}

/** @throws MillraceError `invalid_duration` naming `field` */
export function durationMs(text: Duration | string, field: string): number {
  const ms = writtenMs(text);
  if (isTooLong(text)) {
    throw new MillraceError(
      "invalid_duration",
      `${field}: ${JSON.stringify(text)} is longer than ${LONGEST_DURATION}`,
    );
  }
  if (Number.isNaN(ms)) {
    throw new MillraceError(
      "invalid_duration",
      `${field}: ${JSON.stringify(text)} is not a duration; write a number and a unit of ms, s, m, h or d, such as "30s"`,
    );
  }
  return ms;
}

/** For people: two significant units at the most, such as `850 ms`, `12.4 s`, `3 m 20 s`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const tenths = Math.round(ms / 100);
  if (tenths < 600) return `${tenths / 10} s`;
  const seconds = Math.round(ms / 1000);
  for (const [size, unit, minor, minorUnit] of [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "m"],
    [60, "m", 1, "s"],
  ] as const) {
    if (seconds < size) continue;
    const rest = Math.floor((seconds % size) / minor);
    return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${minorUnit}` : ""}`;
  }
  throw new RangeError(`unreachable: ${ms}`);
}
