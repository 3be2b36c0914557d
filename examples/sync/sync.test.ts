import { randomBytes } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { isNonRetryable, retryAfterMs } from "@millrace/sdk";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { Child } from "../../test/support/child-process.ts";
import { startNode } from "../../test/support/process.ts";
import { until } from "../../test/support/until.ts";
import { retryAfterMs as parseRetryAfter } from "./fetch-page.ts";
import { sync } from "./job.ts";
import { type Source, type SourceOptions, startSource } from "./source.ts";

const SERVER = process.env.MILLRACE_TEST_PG_URL ?? "postgres://postgres@127.0.0.1:5432/postgres";
// A name that the test run sweeps, should this process be killed.
const DATABASE = `millrace_test_${process.env.MILLRACE_TEST_RUNNER ?? process.pid}_${randomBytes(4).toString("hex")}`;

let db: pg.Client;

beforeAll(async () => {
  await administer(`create database ${DATABASE}`);
  const url = new URL(SERVER);
  url.pathname = `/${DATABASE}`;
  process.env.SYNC_DATABASE_URL = url.href;
  db = new pg.Client({ connectionString: url.href });
  await db.connect();
});

afterAll(async () => {
  await db.end();
  delete process.env.SYNC_DATABASE_URL;
  await administer(`drop database ${DATABASE} with (force)`);
});

beforeEach(async () => {
  await db.query("drop table if exists synced_customer, sync_checkpoint");
});

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const run = (input: Parameters<typeof sync.call>[0], signal?: AbortSignal) =>
  sync.call(input, { log: silent, ...(signal && { signal }) });

async function source(options?: SourceOptions): Promise<Source> {
  const started = await startSource(options);
  onTestFinished(() => started.close());
  return started;
}

test("every customer of the source is a row, and nothing else is", async () => {
  const from = await source();
  const output = await run({ url: from.url });
  expect(output).toMatchObject({ pages: 25, received: 2500, resumedFrom: null, limited: 0 });
  await expectInStep(from);
});

test("a rate limit, errors, cut connections and slow answers cost time, not rows", async () => {
  const from: Source = await source({
    count: 1000,
    // Each refusal is followed by a new second.
    now: () => from.counts.limited * 1000,
    faults: { errors: 0.1, drops: 0.1, slow: 0.1, slowMs: 30, perSecond: 25, retryAfter: 1 },
  });
  const output = await run({ url: from.url, pageSize: 20 });
  expect(output.pages).toBe(50);
  expect(output.limited).toBe(from.counts.limited);
  expect(output.repeated).toBe(from.counts.errors + from.counts.drops);
  expect(Math.min(from.counts.limited, from.counts.errors, from.counts.drops)).toBeGreaterThan(0);
  await expectInStep(from);
});

test(
  "killed again and again, it goes on where it stood: no row doubled, none missing",
  { timeout: 120_000 },
  async () => {
    const rounds = 8;
    const pagesARound = 11;
    let child: Child | undefined;
    let inRound = 0;
    const from = await source({
      faults: { errors: 0.03, drops: 0.03 },
      beforeAnswer: () => {
        // A little later, so that the end comes while it reads the answer, writes the page, or commits.
        if (++inRound === pagesARound) setTimeout(() => child?.kill("SIGKILL"), Math.random() * 8);
      },
    });
    const start = async () => {
      inRound = 0;
      const runner = fileURLToPath(new URL("../call.test-runner.mjs", import.meta.url));
      const input = JSON.stringify({ url: from.url, pageSize: 20 });
      child = await startNode(runner, ["sync/job.ts", "sync", input]);
      return await child.exited;
    };
    for (let round = 0; round < rounds; round++) {
      expect((await start()).signal).toBe("SIGKILL");
      await expectNothingForeign(from);
    }
    child = undefined;
    const output = await run({ url: from.url, pageSize: 20 });

    await expectInStep(from);
    expect(output.resumedFrom).not.toBeNull();
    expect(output.pages).toBeLessThan(125);
    // A page is asked for again only when the end came between its answer and its commit.
    expect(from.counts.pages).toBeLessThanOrEqual(125 + 3 * rounds);
  },
);

test("the next run takes what has changed since, and only that", async () => {
  const from = await source({ count: 500 });
  await run({ url: from.url });
  from.change(3, { name: "Renamed" });
  from.change(3, { name: "Renamed twice" });
  from.change(250, { country: "PT" });
  from.remove(7);
  expect(await run({ url: from.url })).toMatchObject({ pages: 1, received: 3, removed: 1 });
  await expectInStep(from);
  expect(await run({ url: from.url })).toMatchObject({ pages: 1, received: 0 });
  await expectInStep(from);
});

test("a customer that changes while pages are read is not lost", async () => {
  let requests = 0;
  const from: Source = await source({
    count: 300,
    beforeAnswer: () => {
      if (++requests === 2) from.change(1, { name: "Changed behind" });
      if (requests === 2) from.change(150, { name: "Changed ahead" });
      if (requests === 3) from.remove(299);
    },
  });
  await run({ url: from.url, pageSize: 50 });
  await expectInStep(from);
});

test("several runs at once keep out of each other's way", async () => {
  const from = await source({ count: 1000 });
  const outputs = await Promise.all([1, 2, 3].map(() => run({ url: from.url, pageSize: 25 })));
  await expectInStep(from);
  const written = outputs.reduce((sum, { received }) => sum + received, 0);
  expect(written).toBe(1000);
});

test("two sources are kept apart by name, and a name belongs to one source", async () => {
  const [one, two] = [await source({ count: 30 }), await source({ count: 60 })];
  await run({ url: one.url });
  await run({ url: two.url, name: "second" });
  await expectInStep(one);
  await expectInStep(two, "second");
  expect(await refusal({ url: two.url })).toContain(`"customers" belongs to the source ${one.url}`);
});

test("a long Retry-After gives the worker back, and keeps what was read", async () => {
  const from = await source({ count: 500, now: () => 0, faults: { perSecond: 3, retryAfter: 60 } });
  const error = await run({ url: from.url }).catch((thrown: unknown) => thrown);
  expect(retryAfterMs(error)).toBe(60_000);
  expect(isNonRetryable(error)).toBe(false);
  expect(await rows()).toHaveLength(300);
});

test("a source that is down fails the attempt, and leaves it to the retry policy", async () => {
  const from = await source();
  await from.close();
  const error = await run({ url: from.url }).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("the connection failed");
  expect(isNonRetryable(error)).toBe(false);
});

test("an abort ends a wait at once, and closes the connection to the database", async () => {
  const abort = new AbortController();
  const from = await source({
    faults: { perSecond: 0, retryAfter: 10 },
    beforeAnswer: () => void setTimeout(() => abort.abort(new Error("cancelled")), 20),
  });
  await expect(run({ url: from.url }, abort.signal)).rejects.toThrow("cancelled");
  expect(from.counts.requests).toBe(1);
  await until("its connection is closed", async () => {
    const { rowCount } = await db.query(
      "select 1 from pg_stat_activity where datname = current_database() and application_name like 'millrace example%'",
    );
    return rowCount === 0;
  });
});

test("only http, and only hosts that the operator allows", async () => {
  for (const [url, why] of [
    ["file:///etc/passwd", /not http/],
    ["ftp://127.0.0.1/", /not http/],
    ["http://169.254.169.254/latest/meta-data", /is not allowed/],
    ["http://2852039166/", /169\.254\.169\.254 is not allowed/],
    ["http://localhost.example.org/", /is not allowed/],
    ["http://127.0.0.1@example.org/", /without user/],
    ["http://user:secret@127.0.0.1/", /without user/],
    ["http://127.0.0.1/?token=secret", /without user/],
    ["customers", /not a URL/],
  ] as const) {
    const message = await refusal({ url });
    expect(message, url).toMatch(why);
    expect(message).not.toContain("secret");
  }
  process.env.SYNC_ALLOWED_HOSTS = "api.example.org, other.example.org:8443";
  onTestFinished(() => void delete process.env.SYNC_ALLOWED_HOSTS);
  expect(await refusal({ url: "http://127.0.0.1/" })).toMatch(/is not allowed/);
  expect(await refusal({ url: "https://other.example.org/" })).toMatch(/is not allowed/);
});

test("a redirect, an unknown answer, a huge one and one of another shape are refused", async () => {
  const answers: [RequestListener, RegExp][] = [
    [
      (_, answer) => answer.writeHead(302, { location: "http://example.org/" }).end(),
      /answered 302/,
    ],
    [(_, answer) => answer.writeHead(401).end(), /answered 401/],
    [(_, answer) => answer.end("<html>secret</html>"), /not JSON/],
    [(_, answer) => answer.end(`{"password":"secret"}`), /no page of customers/],
    [
      (_, answer) =>
        answer.end(`{"customers":[{"id":1,"name":"a\\u0000"}],"cursor":"1","more":false}`),
      /no page/,
    ],
    [(_, answer) => answer.end(" ".repeat(5_000_000)), /larger than/],
  ];
  for (const [listener, why] of answers) {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const message = await refusal({ url: `http://127.0.0.1:${port}/`, name: `n${port}` });
    expect(message).toMatch(why);
    expect(message).not.toContain("secret");
  }
});

test("without a database to write to, the message names the variable", async () => {
  const before = { ...process.env };
  onTestFinished(() => void Object.assign(process.env, before));
  delete process.env.SYNC_DATABASE_URL;
  delete process.env.DATABASE_URL;
  expect(await refusal({})).toContain("Set SYNC_DATABASE_URL");
  process.env.SYNC_DATABASE_URL = "postgres://user:secret@[bad";
  expect(await refusal({})).toMatch(/^(?!.*secret).*not the address of a database/);
});

test("Retry-After is a number of seconds or a date", () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter("3", now)).toBe(3000);
  expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:05 GMT", now)).toBe(5000);
  expect(parseRetryAfter("Wed, 31 Dec 2025 00:00:05 GMT", now)).toBe(0);
  expect(parseRetryAfter("soon", now)).toBeUndefined();
  expect(parseRetryAfter(null, now)).toBeUndefined();
});

async function refusal(input: Parameters<typeof sync.call>[0]): Promise<string> {
  const error = await run(input).then(
    () => undefined,
    (refused: Error) => refused,
  );
  expect(error, JSON.stringify(input)).toBeDefined();
  expect(isNonRetryable(error), String(error)).toBe(true);
  return error!.message;
}

async function rows(name = "customers") {
  const { rows: found } = await db.query<{ id: string }>(
    `select id, name, email, country, updated_at as "updatedAt" from synced_customer where sync = $1 order by id`,
    [name],
  );
  return found.map((row) => ({ ...row, id: Number(row.id) }));
}

/** Both sides sorted by id, so that a doubled, missing or stale row shows. */
async function expectInStep(from: Source, name?: string): Promise<void> {
  const wanted = [...from.customers.values()]
    .sort((a, b) => a.id - b.id)
    .map((each) => ({ ...each, updatedAt: new Date(each.updatedAt) }));
  expect(await rows(name)).toEqual(wanted);
}

/**
 * What is there after a crash is a prefix of the source, exactly as long as the checkpoint says. Looked at by one statement: what the dead
 * process has sent may be committed while we look.
 */
async function expectNothingForeign(from: Source): Promise<void> {
  const { rows: found } = await db.query<{ cursor: string | null; ids: string[] }>(
    `select (select cursor from sync_checkpoint) as cursor,
       array(select id from synced_customer where sync = 'customers' order by id) as ids`,
  );
  const { cursor, ids } = found[0]!;
  expect(ids.map(Number)).toEqual([...from.customers.keys()].slice(0, Number(cursor ?? 0)));
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: SERVER });
  await client.connect();
  await client.query(statement);
  await client.end();
}
