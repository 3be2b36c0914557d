import { type Duration, durationMs } from "./duration.ts";
import { MillraceError } from "./errors.ts";

/** Less would take outcomes away before anybody has seen them, and idempotency keys before callers have tried again. */
const LEAST_MS = 3_600_000;

/**
 * How long runs are kept after they ended, in milliseconds; Infinity for `'forever'`.
 *
 * @throws MillraceError `invalid_duration` naming `field`
 */
export function retentionMs(text: Duration | "forever" | string, field: string): number {
  if (text === "forever") return Infinity;
  const ms = typeof text === "string" ? durationMs(text, field) : NaN;
  if (ms >= LEAST_MS) return ms;
  throw new MillraceError(
    "invalid_duration",
    `${field}: write "forever", or a duration of 1h at the least, such as "30d"`,
  );
}
