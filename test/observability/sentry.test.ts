import { join } from "node:path";
import { fingerprintOf } from "@millrace/core";
import { createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { readDsn } from "../../packages/server/src/telemetry/sentry/dsn.ts";
import type { ErrorReport } from "../../packages/server/src/telemetry/error-report.ts";
import type { SentryOutcome } from "../../packages/server/src/telemetry/sentry/sentry-metrics.ts";
import { Sentry } from "../../packages/server/src/telemetry/sentry/sentry.ts";
import { lendDatabase } from "../support/lent-database.ts";
import { addressOf, newHome, startMillrace } from "../support/millrace.ts";
import { newKey } from "../support/secret-keys.ts";
import { SentryReceiver } from "../support/sentry-receiver.ts";
import { until } from "../support/until.ts";

const KEY = "0123456789abcdef0123456789abcdef";
const API_KEY = "mr_the-key-of-the-sentry-tests";

async function receiver(): Promise<SentryReceiver> {
  const started = await SentryReceiver.start();
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

/** `millrace start` with jobs that fail, on a database of its own. */
async function startFailing(env: Record<string, string>) {
  const { url, db } = await lendDatabase();
  const server = await startMillrace(
    ["start", "--jobs", join(import.meta.dirname, "jobs/errors.job.ts")],
    {
      DATABASE_URL: url,
      MILLRACE_HOME: newHome(),
      MILLRACE_PORT: "0",
      MILLRACE_API_KEY: API_KEY,
      MILLRACE_SECRET_KEYS: newKey(),
      ...env,
    },
  );
  const address = await addressOf(server);
  const ask = async (path: string, json?: unknown) => {
    const answer = await fetch(`${address}${path}`, {
      method: json === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const text = await answer.text();
    return text.startsWith("{") ? JSON.parse(text) : text;
  };
  const run = async (job: string, input: unknown = {}, more: object = {}): Promise<string> =>
    (await ask("/api/v1/runs", { job, input, ...more })).id;
  return { server, db, ask, run };
}

test("what failed for good is told to Sentry with its run, in the group of its dead letter, and without what it was given", async () => {
  const sentry = await receiver();
  const { server, ask, run } = await startFailing({
    SENTRY_DSN: sentry.dsnOf(KEY),
    SENTRY_ENVIRONMENT: "staging",
    SENTRY_RELEASE: "bank@4.2.0",
  });
  const failed = await run(
    "bank/transfer",
    { account: "AT-1", note: "note-of-the-input" },
    { correlationId: "order-17" },
  );
  const crashed = await run("doomed");
  const sealed = await run("about", { person: "Ada Lovelace" });
  const events = await until("all three are told of", () => {
    return sentry.events.length >= 3 && sentry.events;
  });
  const of = (id: string) => events.find(({ tags }) => tags["run"] === id)!;

  const letters = (await ask("/api/v1/dead-letters")).deadLetters as {
    runId: string;
    fingerprint: string;
  }[];
  const fingerprint = letters.find(({ runId }) => runId === failed)!.fingerprint;
  expect(of(failed)).toMatchObject({
    level: "error",
    environment: "staging",
    release: "bank@4.2.0",
    transaction: "bank/transfer",
    fingerprint: ["bank/transfer", fingerprint],
    tags: { job: "bank/transfer", queue: "bank", became: "dead_letter", job_version: "7" },
    contexts: { run: { attempt: 2, failures: 2, trigger: "api", correlation: "order-17" } },
  });
  expect(of(failed).contexts["run"]!["worker"]).toEqual(expect.any(Number));
  const [thrown] = of(failed).exception.values;
  expect(thrown).toMatchObject({ type: "BankError", value: "account AT-1 is closed" });
  expect(thrown!.stacktrace!.frames.at(-1)).toMatchObject({ function: "refuse", in_app: true });
  // One of two attempts: by default only the last is told of.
  expect(events.filter(({ tags }) => tags["run"] === failed)).toHaveLength(1);

  expect(of(crashed)).toMatchObject({ level: "fatal", tags: { job: "doomed", became: "crash" } });
  expect(of(sealed).exception.values[0]).toMatchObject({
    type: "NonRetryableError",
    value: "what it says is kept with its run, encrypted",
  });
  for (const { path, headers, text } of sentry.envelopes) {
    expect(path).toBe("/some/folder/api/42/envelope/");
    expect(headers["x-sentry-auth"]).toContain(`sentry_key=${KEY}`);
    for (const untold of ["note-of-the-input", "Ada Lovelace", API_KEY, KEY, "server_name"]) {
      expect(text).not.toContain(untold);
    }
  }
  const metrics = (await ask("/metrics")) as string;
  expect(metrics).toContain(
    `millrace_sentry_events_total{outcome="sent"} ${sentry.envelopes.length}`,
  );
  server.kill("SIGTERM");
  expect(await server.exited).toEqual({ code: 0, signal: null });
  expect(server.output).not.toContain(KEY);
});

test("each failed attempt is told of where that is wanted, and an error that nobody caught before the process ends", async () => {
  const sentry = await receiver();
  const { server, run } = await startFailing({
    SENTRY_DSN: sentry.dsnOf(KEY),
    MILLRACE_SENTRY_ATTEMPTS: "all",
    SENTRY_NAME: "blue",
  });
  const failed = await run("bank/transfer", { account: "AT-1" });
  await until("both attempts are told of", () => sentry.events.length >= 2);
  expect(
    sentry.events.map(({ level, tags, contexts, server_name }) => [
      level,
      tags["run"],
      tags["became"],
      contexts["run"]!["attempt"],
      server_name,
    ]),
  ).toEqual([
    ["warning", failed, "retry", 1, "blue"],
    ["error", failed, "dead_letter", 2, "blue"],
  ]);
  await run("loose");
  expect((await server.exited).code).toBe(1);
  expect(sentry.events.at(-1)).toMatchObject({
    level: "fatal",
    transaction: "process.uncaught",
    exception: { values: [{ type: "Error", value: "nobody catches this" }] },
  });
});

test("what goes wrong in the server itself is told, by the request in which it did", async () => {
  const sentry = await receiver();
  const { db, ask } = await startFailing({ SENTRY_DSN: sentry.dsnOf(KEY) });
  await db.query("alter table millrace.api_key rename to gone");
  expect(await ask("/api/v1/keys")).toMatchObject({ status: 500 });
  const [event] = await until("it is told", () => sentry.events.length > 0 && sentry.events);
  expect(event).toMatchObject({
    level: "error",
    transaction: "http.request",
    contexts: { run: { code: "internal", requestId: expect.any(String) } },
    exception: {
      values: [{ value: expect.stringContaining('"millrace.api_key" does not exist') }],
    },
  });
  expect(sentry.envelopes[0]!.text).not.toContain("authorization");
});

test("without a DSN nothing of it is loaded; a DSN that is none, or goes in the clear, is refused by name alone", async () => {
  const { server } = await startFailing({ NODE_DEBUG: "esm" });
  expect(server.output).toContain("telemetry/logger.js");
  expect(server.output).not.toContain("telemetry/sentry/sentry.js");
  for (const [dsn, why] of [
    [`http://${KEY}@sentry.example/42`, "use https, or add its host to MILLRACE_ALLOWED_HOSTS"],
    [`https://sentry.example/${KEY}`, "write the DSN as the project's settings show it"],
  ]) {
    const refused = await startMillrace(["api"], { SENTRY_DSN: dsn });
    await refused.exited;
    expect(refused.output).toContain("SENTRY_DSN: ");
    expect(refused.output).toContain(why);
    expect(refused.output).not.toContain(KEY);
  }
});

interface Trial {
  sentry: Sentry;
  counted: Partial<Record<SentryOutcome, number>>;
  lines: { event: string }[];
}

function trial(dsn: string, { sampleRate = 1, random = Math.random } = {}): Trial {
  const counted: Trial["counted"] = {};
  const lines: Trial["lines"] = [];
  const logger = createLogger("debug", { write: (line: string) => lines.push(JSON.parse(line)) });
  const sentry = new Sentry({
    dsn: readDsn(dsn),
    origin: {
      environment: "test",
      release: undefined,
      serverName: undefined,
      version: "1",
      folder: "/",
    },
    ...{ sampleRate, random, logger },
    scrub: (json) => json,
    onEnded: (outcome, events) => {
      counted[outcome] = (counted[outcome] ?? 0) + events;
    },
  });
  onTestFinished(() => sentry.close(0));
  return { sentry, counted, lines };
}

function error(group: string): ErrorReport {
  const failure = { class: "Error", message: group, stack: null };
  const fingerprint = [group, fingerprintOf(failure)];
  return { level: "error", failure, fingerprint, where: group, tags: {}, facts: {} };
}

test("a server that wants no more is left alone for as long as it says, and all that is counted", async () => {
  const receiving = await receiver();
  receiving.answers.push({ status: 429, headers: { "retry-after": "600" } });
  const { sentry, counted, lines } = trial(receiving.dsnOf(KEY));
  for (const group of ["a", "b", "c"]) sentry.report(error(group));
  await until("it has answered", () => counted.limited === 3);
  sentry.report(error("d"));
  expect([counted, receiving.asked, lines]).toEqual([{ limited: 4 }, 1, []]);
});

test("limits that come with an answer of 200 hold from then on, when they are about errors", async () => {
  const receiving = await receiver();
  receiving.answers.push(
    { status: 200, headers: { "x-sentry-rate-limits": "60:transaction:key" } },
    { status: 200, headers: { "x-sentry-rate-limits": "60:error;default:organization" } },
  );
  const { sentry, counted } = trial(receiving.dsnOf(KEY));
  sentry.report(error("a"));
  await until("the first is sent", () => counted.sent === 1);
  sentry.report(error("b"));
  await until("the second is sent", () => counted.sent === 2);
  sentry.report(error("c"));
  expect(counted).toEqual({ sent: 2, limited: 1 });
});

test("a server that is away holds nobody up, fills no memory and no log, and gets what is left when it is back", async () => {
  const receiving = await receiver();
  receiving.answers.push({ status: 503 }, { status: 502 });
  const { sentry, counted, lines } = trial(receiving.dsnOf(KEY));
  for (let n = 0; n < 10_000; n++) sentry.report(error(`group ${n % 500}`));
  // Before the server has had a chance to say anything. Ten of each of 500 groups; of those, a hundred fit.
  expect(counted).toEqual({ repeated: 5000, full: 4900 });
  await until("those that it kept are sent", () => counted.sent === 100, { deadlineMs: 30_000 });
  expect(counted).toEqual({ sent: 100, repeated: 5000, full: 4900 });
  expect(lines.map(({ event }) => event)).toEqual(["sentry.away", "sentry.back"]);
  expect(receiving.events.map(({ transaction }) => transaction)).toEqual(
    Array.from({ length: 100 }, (_, n) => `group ${n}`),
  );
});

test("a server that refuses is told of once, and what it refused is not sent again", async () => {
  const receiving = await receiver();
  receiving.answers.push({ status: 403 }, { status: 403 }, { status: 302 });
  const { sentry, counted, lines } = trial(receiving.dsnOf(KEY));
  for (const group of ["a", "b", "c"]) sentry.report(error(group));
  await until("all are refused", () => counted.refused === 3);
  expect(lines.map(({ event }) => event)).toEqual(["sentry.refused", "sentry.refused"]);
  expect(receiving.asked).toBe(3);
});

test("closing sends what waits, and waits for a silent server no longer than it may", async () => {
  const receiving = await receiver();
  const answering = trial(receiving.dsnOf(KEY));
  for (const group of ["a", "b"]) answering.sentry.report(error(group));
  await answering.sentry.close();
  expect(answering.counted).toEqual({ sent: 2 });
  answering.sentry.report(error("late"));
  expect(answering.counted).toEqual({ sent: 2, full: 1 });

  receiving.silent = true;
  const waiting = trial(receiving.dsnOf(KEY));
  for (const group of ["a", "b"]) waiting.sentry.report(error(group));
  const begun = performance.now();
  await waiting.sentry.close(100);
  expect(performance.now() - begun).toBeLessThan(4000);
  expect(waiting.counted).toEqual({ full: 2 });
});

test("of all errors a share is told, as the sample rate says", async () => {
  const receiving = await receiver();
  const chances = [0.1, 0.3, 0.24, 0.99];
  const { sentry, counted } = trial(receiving.dsnOf(KEY), {
    sampleRate: 0.25,
    random: () => chances.shift()!,
  });
  for (const group of ["a", "b", "c", "d"]) sentry.report(error(group));
  await until("two are sent", () => counted.sent === 2);
  expect(counted).toEqual({ sent: 2, sampled: 2 });
});
