import { expect, test } from "vitest";
import { type LoggedError, createLogger } from "./logger.ts";

type Line = Record<string, unknown>;

function capturing(mask?: (line: string) => string) {
  const lines: string[] = [];
  const told: LoggedError[] = [];
  const write = (line: string) => void lines.push(line);
  const logger = createLogger("debug", { write }, mask, (logged) => told.push(logged));
  return { logger, told, lines, last: () => JSON.parse(lines.at(-1)!) as Line };
}

test("a line says when, how grave, which event and what; one whose message breaks lines is one line", () => {
  const { logger, lines, last } = capturing();
  logger.info({ event: "worker.strays", runs: 3 }, "two\r\nlines");
  expect(lines).toHaveLength(1);
  expect(lines[0]!.trimEnd()).not.toMatch(/[\r\n]/);
  expect(Object.keys(last())).toEqual(["level", "time", "event", "runs", "msg"]);
  expect(last()).toMatchObject({ level: "info", event: "worker.strays", msg: "two\r\nlines" });
});

test("what has a key such as password is blotted out, however it is written and however deep it lies", () => {
  const { logger, lines } = capturing();
  const secret = "hunter2-hunter2";
  logger.info(
    {
      event: "run.log",
      fields: {
        password: secret,
        deep: { list: [{ headers: { Authorization: secret, "set-cookie": [secret] } }] },
        api_key: secret,
        "Client-Secret": { nested: secret },
        accessToken: secret,
        SENTRY_DSN: secret,
        pass: secret,
        credentials: secret,
        pin: "1234",
        inputTokens: 812,
        key: null,
      },
    },
    "asked",
  );
  expect(lines[0]).not.toContain(secret);
  expect((JSON.parse(lines[0]!) as { fields: Line }).fields).toMatchObject({
    password: "[redacted]",
    deep: { list: [{ headers: { Authorization: "[redacted]" } }] },
    pin: "1234",
    inputTokens: 812,
    key: null,
  });
});

test.each([
  ["postgres://app:hunter2@db/shop", "postgres://app:[redacted]@db/shop"],
  ["redis://:hunter2@10.0.0.7:6379", "redis://:[redacted]@10.0.0.7:6379"],
  [
    "a=https://u:p%40ss@host, b=AMQPS://u:hunter2@b",
    "a=https://u:[redacted]@host, b=AMQPS://u:[redacted]@b",
  ],
  ['said "https://u:hunter2@h"\nnext', 'said "https://u:[redacted]@h"\nnext'],
  ["postgres://app:p@ss:it's@db/shop?u=a@b", "postgres://app:[redacted]@db/shop?u=a@b"],
  ["http://host:8080/@path", "http://host:8080/@path"],
  ["http://host:8080?mail=a@b", "http://host:8080?mail=a@b"],
  ["http://host:8080#a@b", "http://host:8080#a@b"],
  ["postgres://app@db/shop", "postgres://app@db/shop"],
  ["mail:me@example.com at 12:30", "mail:me@example.com at 12:30"],
])("of a URL in a line the password is blotted out: %s", (said, shown) => {
  const { logger, last } = capturing();
  logger.warn({ event: "run.log", fields: { said }, err: new Error(said) }, said);
  expect(last()).toMatchObject({ msg: shown, fields: { said: shown }, err: { message: shown } });
});

test("fields that never end, or lead back to themselves, end", () => {
  const { logger, lines } = capturing();
  const round: Line = {};
  round["round"] = round;
  logger.info({ event: "run.log", fields: round }, "round");
  expect(lines[0]).toContain("[too deep]");
});

test("of an error its class, message, stack and code are told, and no row of the database", () => {
  const { logger, last } = capturing();
  const error = Object.assign(new Error("null value in column"), {
    code: "23502",
    detail: "Failing row contains (Ada Lovelace, hunter2).",
    where: "PL/pgSQL function with hunter2",
  });
  logger.error({ event: "loop.failed", err: error, loop: "any" }, "it failed");
  const { err } = last();
  expect(Object.keys(err as Line)).toEqual(["type", "message", "stack", "code"]);
  expect(err).toMatchObject({ type: "Error", message: "null value in column", code: "23502" });
});

test("whoever wants to hear of errors hears of those that are logged as errors, and of their children's", () => {
  const { logger, told } = capturing();
  const error = new Error("x");
  logger.warn({ event: "run.log_unkept", err: error }, "not this");
  logger.error({ event: "heartbeat.away" }, "nor this");
  logger.child({ run: "1" }).error({ event: "outcome.refused", err: error, run: "1" }, "this");
  logger.fatal({ event: "process.uncaught", err: error }, "and this");
  expect(told).toEqual([
    { level: "error", error, event: "outcome.refused", message: "this", fields: { run: "1" } },
    { level: "fatal", error, event: "process.uncaught", message: "and this", fields: {} },
  ]);
});

test("a line of a library that knows no events is one, too, and is masked as all are", () => {
  const { logger, last } = capturing((line) => line.replaceAll("hunter2", "[secret X]"));
  const foreign = logger as unknown as { warn(fields: unknown, message?: string): void };
  foreign.warn("hunter2");
  expect(last()).toMatchObject({ event: "library", msg: "[secret X]" });
  foreign.warn({ some: "field" }, "said");
  expect(last()).toMatchObject({ event: "library", some: "field" });
});
