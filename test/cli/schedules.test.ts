import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Child } from "../support/child-process.ts";
import { type TestDatabase, createDatabase } from "../support/database.ts";
import { addressOf, launch, millrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

const JOBS = join(import.meta.dirname, "jobs");
const KEY = `mr_${randomUUID()}`;

let database: TestDatabase;
let server: Child;
let client: Record<string, string>;
let home: string;

beforeAll(async () => {
  database = await createDatabase();
  home = mkdtempSync(join(tmpdir(), "millrace-"));
  server = await launch(["start", "--jobs", JOBS], {
    DATABASE_URL: database.url,
    MILLRACE_API_KEY: KEY,
    MILLRACE_HOME: home,
    MILLRACE_PORT: "0",
  });
  client = { MILLRACE_URL: await addressOf(server), MILLRACE_API_KEY: KEY };
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await database.drop();
  rmSync(home, { recursive: true, force: true });
});

const cli = (...args: string[]) => millrace(["schedules", ...args], client);

async function lines(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await cli(...args, "--json");
  return stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const LISBON = ["preview", "30 1 * * *", "--tz", "Europe/Lisbon", "--count", "3"];

test("preview needs no server, and marks the hour that is skipped", async () => {
  const args = ["schedules", ...LISBON, "--from", "2027-03-27T00:00:00Z"];
  const nowhere = { MILLRACE_URL: "http://127.0.0.1:1" };
  const { code, stdout } = await millrace([...args, "--json"], nowhere);
  expect(code).toBe(0);
  const found = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(found).toMatchObject([
    { v: 1, at: "2027-03-27T01:30:00.000Z", dst: null },
    { v: 1, at: "2027-03-28T01:00:00.000Z", dst: "gap", local: "2027-03-28T02:00:00+01:00" },
    { v: 1, at: "2027-03-29T00:30:00.000Z", dst: null },
  ]);
  const text = await millrace(args, nowhere);
  expect(text.stdout).toContain(
    "2027-03-28T01:00:00Z  2027-03-28T02:00:00+01:00  ! the clocks skip 01:30",
  );
});

test("and the hour that comes twice", async () => {
  expect(await lines(...LISBON, "--from", "2027-10-30T00:00:00Z")).toMatchObject([
    { at: "2027-10-30T00:30:00.000Z", dst: null },
    { at: "2027-10-31T00:30:00.000Z", dst: "first-of-two", local: "2027-10-31T01:30:00+01:00" },
    { at: "2027-11-01T01:30:00.000Z", dst: null },
  ]);
});

test("preview takes intervals, calendars and blackouts, and says what is wrong with a rule", async () => {
  const calendar = '{"at":"09:00","weekdays":["tue"],"everyWeeks":2,"from":"2027-01-05"}';
  const from = ["--from", "2027-01-01T00:00:00Z", "--count", "2"];
  expect(await lines("preview", "--calendar", calendar, ...from)).toMatchObject([
    { at: "2027-01-05T09:00:00.000Z" },
    { at: "2027-01-19T09:00:00.000Z" },
  ]);
  expect(
    await lines("preview", "--every", "6h", "--blackout", "sat,sun 22:00-07:00", ...from),
  ).toMatchObject([{ blackout: null }, { blackout: null }]);
  const wrong = await cli("preview", "61 * * * *");
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('"61 * * * *" is no cron expression');
  expect((await cli("preview", "nobody")).code).toBe(3);
});

test("a schedule is created, shown, changed, paused, resumed, listed and removed", async () => {
  const created = await cli(
    ...["create", "nightly", "--job", "echo", "--cron", "30 1 * * *", "--tz", "Europe/Lisbon"],
    ...["--input", '{"text":"hi"}', "--jitter", "5m", "--overlap", "queue-one"],
  );
  expect(created).toMatchObject({ code: 0, stderr: "" });
  expect(created.stdout).toContain("rule      30 1 * * * Europe/Lisbon");
  await cli("change", "nightly", "--cron", "0 2 * * *", "--none", "jitter");
  expect(await lines("show", "nightly")).toMatchObject([
    { name: "nightly", rule: { cron: "0 2 * * *", jitterMs: null }, overlap: "queue-one" },
  ]);
  const paused = await cli("pause", "nightly", "--reason", "closed", "--for", "1h");
  expect(paused.stdout).toMatch(/^nightly: ‖ Paused by api until .*: closed$/m);
  expect((await cli("resume", "nightly")).stdout).toBe("nightly: ✓ Active\n");
  const list = await cli("list");
  expect(list.stdout).toMatch(/nightly +echo +0 2 \* \* \* Europe\/Lisbon +\S+Z +✓ Active +api/);
  expect((await cli("preview", "nightly", "--count", "2")).stdout.split("\n")).toHaveLength(4);
  expect((await cli("rm", "nightly")).stdout).toBe("nightly is removed\n");
  expect((await cli("show", "nightly")).code).toBe(3);
});

test("a schedule fires, its ledger has the run, and a range before it is made up for", async () => {
  const args = ["--job", "echo", "--input", '{"text":"hi"}', "--every", "1s", "--overlap", "allow"];
  await cli("create", "tick", ...args);
  const fired = await until("it has fired", async () => {
    const [first] = await lines("occurrences", "tick", "--outcome", "fired");
    return first;
  });
  const { stdout } = await millrace(["runs", "--job", "echo", "--json"], client);
  expect(stdout).toContain(`"scheduledFor":"${String(fired.nominal)}"`);
  await cli("pause", "tick");
  const minute = Math.floor(Date.parse(String(fired.nominal)) / 60_000) * 60_000 - 120_000;
  const range = [
    ...["--from", new Date(minute).toISOString()],
    ...["--until", new Date(minute + 10_000).toISOString()],
  ];
  expect((await cli("backfill", "tick", ...range, "--dry-run")).stderr).toContain(
    "10 runs would be made for 10 occurrences",
  );
  const done = await cli("backfill", "tick", ...range, "--wait");
  expect(done.code).toBe(0);
  expect(done.stdout).toMatch(/^✓ Completed operation \d+ {2}10\/10/);
  expect(await lines("occurrences", "tick", "--outcome", "caught up")).toHaveLength(10);
});
