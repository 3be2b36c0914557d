import { MillraceError } from "@millrace/core";
import pg from "pg";
import { afterEach, expect, test } from "vitest";
import type { LoggedError } from "../../telemetry/logger.ts";
import { errorOfServer } from "./error-of-server.ts";

function logged(error: unknown, more: Partial<LoggedError> = {}): LoggedError {
  const event = "loop.failed";
  return { level: "error", error, event, message: "it failed", fields: {}, ...more };
}

const databaseError = (code: string, message: string) =>
  Object.assign(new pg.DatabaseError(message, message.length, "error"), { code });

afterEach(() => {
  delete (globalThis as Record<string, unknown>)["__SENTRY__"];
});

test("an error is told with the line that it was logged with, and of its fields only ids", () => {
  const fields = { loop: "reaper", failures: 1, input: "secret", rows: [1] };
  expect(errorOfServer(logged(new TypeError("no such thing"), { fields }))).toMatchObject({
    failure: { class: "TypeError", message: "no such thing" },
    fingerprint: ["loop.failed", expect.stringMatching(/^[0-9a-f]{16}$/)],
    facts: { message: "it failed", loop: "reaper", failures: 1 },
  });
  expect(JSON.stringify(errorOfServer(logged(new Error("x"), { fields })))).not.toContain("secret");
});

test("a database that is away, and an answer that the caller can do something about, are nobody's bug", () => {
  const away = new MillraceError("database_unavailable", "no answer", { cause: new Error("x") });
  for (const error of [
    databaseError("57P01", "terminating connection"),
    Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
    new Error("outer", { cause: databaseError("08006", "gone") }),
    away,
  ]) {
    expect(errorOfServer(logged(error)), String(error)).toBeUndefined();
  }
  const busy = { fields: { code: "queue_full", status: 503 } };
  expect(errorOfServer(logged(new Error("full"), busy))).toBeUndefined();
  const internal = { fields: { code: "internal", status: 500 } };
  expect(errorOfServer(logged(new Error("bug"), internal))).toBeDefined();
});

test("what PostgreSQL quotes of data that it refuses is not told", () => {
  const refused = databaseError("22P02", 'invalid input syntax for type json: "Ada Lovelace"');
  const report = errorOfServer(logged(refused));
  expect(report!.failure).toMatchObject({
    message: 'invalid input syntax for type json: "…"',
    stack: null,
  });
  const missing = databaseError("42P01", 'relation "millrace.run" does not exist');
  expect(errorOfServer(logged(missing))!.failure.message).toContain('"millrace.run"');
});

test("an error that nobody caught is left to the handlers' own Sentry, where there is one", () => {
  const uncaught = logged(new Error("x"), { event: "process.uncaught", level: "fatal" });
  expect(errorOfServer(uncaught)).toMatchObject({ level: "fatal" });
  (globalThis as Record<string, unknown>)["__SENTRY__"] = { version: "10.0.0" };
  expect(errorOfServer(uncaught)).toBeUndefined();
  expect(errorOfServer(logged(new Error("x")))).toBeDefined();
});
