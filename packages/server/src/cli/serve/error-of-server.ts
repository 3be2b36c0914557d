import { MillraceError, fingerprintOf, toFailure } from "@millrace/core";
import { isUnavailable, sqlState } from "../../store/database.ts";
import type { ErrorReport } from "../../telemetry/error-report.ts";
import type { LoggedError } from "../../telemetry/logger.ts";

/** Fields of a line that say where it was, and nothing of what was in it. */
const TOLD = ["loop", "job", "run", "worker", "schedule", "requestId", "code", "failures", "tries"];

/** SQLSTATE classes of what is wrong with data: what PostgreSQL quotes then is data. */
const ABOUT_DATA = /^2[23]/;

/**
 * An error of the server itself that was logged, as those are told of it who collect errors; undefined for one that is none of the code's: a
 * database that is away, an answer that a caller can do something about, and, where a handler's own Sentry watches for errors that nobody
 * caught, these.
 */
export function errorOfServer({
  level,
  error,
  event,
  message,
  fields,
}: LoggedError): ErrorReport | undefined {
  const { code } = fields;
  const forCaller = code !== undefined && code !== "internal";
  if (forCaller || isUnavailable(error) || isUnavailable((error as Error | null)?.cause))
    return undefined;
  if (error instanceof MillraceError && error.code === "database_unavailable") return undefined;
  if (event === "process.uncaught" && "__SENTRY__" in globalThis) return undefined;
  const thrown = toFailure(error);
  const failure = ABOUT_DATA.test(sqlState(error) ?? "")
    ? { ...thrown, message: withoutQuoted(thrown.message), stack: null }
    : thrown;
  const told = TOLD.flatMap((name): [string, string | number][] => {
    const value = fields[name];
    return typeof value === "string" || typeof value === "number" ? [[name, value]] : [];
  });
  return {
    level,
    failure,
    fingerprint: [event, fingerprintOf(thrown)],
    where: event,
    tags: { event },
    facts: { message, ...Object.fromEntries(told) },
  };
}

function withoutQuoted(message: string): string {
  return message.replaceAll(/"[^"]*"/g, '"…"');
}
