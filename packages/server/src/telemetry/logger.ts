import { context, trace } from "@opentelemetry/api";
import pino from "pino";

export type Logger = pino.Logger;

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Whatever a key of these names holds is replaced before a line is written. */
const REDACTED = ["authorization", "password", "apiKey", "key", "secret", "token"];

/** Of the span that is under way where the line is written. What the line itself says of a trace counts instead. */
function traceIds(): object {
  const span = trace.getSpanContext(context.active());
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

/**
 * One JSON object a line: `time` (ISO 8601), `level`, `msg`, and ids as fields; `trace_id` and `span_id` where there is a trace.
 *
 * @param destination where lines go; a file descriptor or a stream
 * @param mask what is done to each line before
 */
export function createLogger(
  level: LogLevel,
  destination: number | pino.DestinationStream = 2,
  mask: (line: string) => string = (line) => line,
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: traceIds,
      hooks: { streamWrite: mask },
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: REDACTED.flatMap((key) => [key, `*.${key}`]),
        censor: "[redacted]",
      },
    },
    typeof destination === "number"
      ? pino.destination({ fd: destination, sync: true })
      : destination,
  );
}
