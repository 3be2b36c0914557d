import { context, trace } from "@opentelemetry/api";
import pino from "pino";
import type { LogEvent, LogLine } from "./log-events.ts";
import { withoutSecretKeys, withoutUrlPasswords } from "./redact.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

type Write = <Event extends LogEvent>(line: LogLine<Event>, message: string) => void;

/** Writes lines that say by a name of {@link LogEvent} what they are about. */
export interface Logger {
  readonly level: string;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  readonly fatal: Write;
  isLevelEnabled(level: string): boolean;
  child(fields: Record<string, unknown>, options?: { level?: string }): Logger;
}

/** An error that was logged: something of the server itself went wrong. */
export interface LoggedError {
  level: "error" | "fatal";
  error: unknown;
  event: string;
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

const ERROR = 50;
const FATAL = 60;

/** Of the span that is under way where the line is written. What the line itself says of a trace counts instead. */
function traceIds(): object {
  const span = trace.getSpanContext(context.active());
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

/**
 * One JSON object a line: `time` (ISO 8601), `level`, `event`, `msg`, and ids as fields; `trace_id` and `span_id` where there is a trace. What has a key such as `password` or `token` is
 * blotted out, however deep it lies, and so are the passwords of URLs; of an error its class, message, stack and code are told, for PostgreSQL's would also show the row.
 *
 * @param destination where lines go; a file descriptor or a stream
 * @param mask what is done to each line before it is written
 * @param onError told of every line of level `error` and above that has an `err`
 */
export function createLogger(
  level: LogLevel,
  destination: number | pino.DestinationStream = 2,
  mask: (line: string) => string = (line) => line,
  onError?: (logged: LoggedError) => void,
): Logger {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: traceIds,
      hooks: {
        streamWrite: (line) => withoutUrlPasswords(mask(line)),
        ...(onError && { logMethod: telling(onError) }),
      },
      formatters: {
        level: (label) => ({ level: label }),
        // Libraries that log through us know no names.
        log: (fields) =>
          withoutSecretKeys("event" in fields ? fields : { event: "library", ...fields }),
      },
      serializers: { err: shownError },
    },
    typeof destination === "number"
      ? pino.destination({ fd: destination, sync: true })
      : destination,
  );
  return logger;
}

function shownError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, code, aggregateErrors } = pino.stdSerializers.err(error);
  return { type, message, stack, code, aggregateErrors: aggregateErrors?.map(shownError) };
}

/** Called for lines that are written, and for no others. */
function telling(onError: (logged: LoggedError) => void) {
  return function (
    this: pino.Logger,
    args: Parameters<pino.LogFn>,
    write: pino.LogFn,
    level: number,
  ) {
    const [line, message = ""] = args as unknown as [unknown, string?];
    if (level >= ERROR && typeof line === "object" && line !== null && "err" in line) {
      const { err: error, event = "library", ...fields } = line as Record<string, unknown>;
      onError({
        level: level >= FATAL ? "fatal" : "error",
        ...{ error, event: String(event), message, fields },
      });
    }
    write.apply(this, args);
  };
}
