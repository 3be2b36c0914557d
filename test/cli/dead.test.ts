import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { OneServer } from "./one-server.ts";

// Dead letters and operations by the command line, on one server with a database of its own.

/** Several commands each, of which a busy machine takes some seconds for every one. */
const SLOW = { timeout: 180_000 };

const one = OneServer.forThisFile();
const { cli } = one;

let db: pg.Client;

beforeAll(async () => {
  db = new pg.Client({ connectionString: one.database.url });
  await db.connect();
});

afterAll(() => db.end());

let groups = 0;

/** Dead letters in a group of their own. */
async function letters(count: number, job: string, input: string) {
  const fingerprint = (++groups).toString(16).padStart(16, "0");
  const ids = await seedDeadLetters(db, count, {
    job,
    queue: "default",
    input,
    fingerprint,
  });
  return { fingerprint, ids };
}

test("groups, list, and one with its input and what became of it", SLOW, async () => {
  const { fingerprint, ids } = await letters(3, "echo", '{"text":"n$n"}');
  const grouped = await cli("dead", "groups", "--job", "echo");
  expect(grouped.stdout).toMatch(/^FINGERPRINT +COUNT +FIRST +LAST +JOBS +WHY\n/);
  expect(grouped.stdout).toMatch(
    new RegExp(`^${fingerprint} +3 .* echo +HttpError: 503 for order`, "m"),
  );
  const listed = await cli("dead", "--fingerprint", fingerprint, "--json");
  const runs = listed.stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { runId: string }).runId);
  expect(runs).toEqual(ids.toReversed());
  const shown = await cli("dead", "show", ids[0]!);
  expect(shown.stdout).toContain(`✕ echo ${ids[0]}  HttpError: 503 for order 1`);
  expect(shown.stdout).toContain('"text": "n1"');
  expect(shown.stdout).toContain("1 attempt: 1 failed, 0 lost");
  await cli("dead", "dismiss", ids[0]!, "--note", "known");
  expect((await cli("dead", "show", ids[0]!)).stdout).toMatch(/handled +dismissed by api: known/);
  expect(await cli("dead", "show", randomUUID())).toMatchObject({ code: 3, stdout: "" });
});

test("one is rerun with a patch, after a look at what the patch makes of it", SLOW, async () => {
  const { ids } = await letters(2, "echo", '{"text":"n$n"}');
  const wrong = '[{"op":"replace","path":"/text","value":7}]';
  const preview = await cli("dead", "rerun", ids[0]!, "--patch", wrong, "--dry-run");
  expect(preview.code).toBe(1);
  expect(preview.stdout).toContain(
    'before {"text":"n1"}\n  after  {"text":7}\n  but    input of echo: /text:',
  );
  const refused = await cli("dead", "rerun", ids[0]!, "--patch", wrong);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("[invalid_input]");
  const file = join(one.home, "patch.json");
  writeFileSync(file, '[{"op":"replace","path":"/text","value":"patched"}]');
  const rerun = await cli("dead", "rerun", ids[0]!, "--patch", `@${file}`);
  expect(rerun).toMatchObject({ code: 0, stderr: "" });
  const [, made] = /runs again as (\S+)\n$/.exec(rerun.stdout) ?? [];
  const output = await until("the rerun has completed", async () => {
    const { rows } = await db.query<{ output: unknown }>(
      "select output from millrace.run where id = $1 and state = 'completed'",
      [made],
    );
    return rows[0]?.output;
  });
  expect(output).toEqual({ text: "patched" });
});

test("all that match are counted first, then rerun, and waited for", SLOW, async () => {
  const { fingerprint, ids } = await letters(25, "echo", '{"text":"n$n"}');
  const which = ["--all", "--fingerprint", fingerprint];
  const dry = await cli("dead", "rerun", ...which, "--dry-run");
  expect(dry).toMatchObject({ code: 0, stdout: "25 dead letters would be rerun\n" });
  const done = await cli("dead", "rerun", ...which, "--rate", "500", "--canary", "--wait");
  expect(done.code, done.stderr).toBe(0);
  expect(done.stdout).toMatch(/^✓ Completed operation \d+ {2}25\/25 {2}✓ 25 ✕ 0 … 0\n$/);
  const { rows } = await db.query(
    "select count(*)::int as n, count(distinct rerun_of)::int as of from millrace.run where rerun_of = any ($1) and state = 'completed'",
    [ids],
  );
  expect(rows).toEqual([{ n: 25, of: 25 }]);
  const none = await cli("dead", "rerun", ...which);
  expect(none).toMatchObject({ code: 3, stdout: "" });
});

test(
  "a canary that fails stops the operation, which says why and by its exit code",
  SLOW,
  async () => {
    const { fingerprint } = await letters(8, "hostile", "{}");
    const stopped = await cli(
      "dead",
      "rerun",
      "--all",
      "--fingerprint",
      fingerprint,
      "--canary",
      "--wait",
      "--json",
    );
    expect(stopped.code).toBe(1);
    const operation = JSON.parse(stopped.stdout) as { id: number };
    expect(operation).toMatchObject({ v: 1, state: "stopped", done: 1, reruns: { failed: 1 } });
    const shown = await cli("operations", "show", String(operation.id), "--ended", "failed");
    expect(shown.stdout).toMatch(
      /^✕ Stopped operation .* failed with another error: NonRetryableError: alas/,
    );
    expect(shown.stdout).toMatch(/^RUN +OUTCOME +RERUN +ENDED +WHY\n\S+ +done +\S+ +failed/m);
    const listed = await cli("operations", "--state", "stopped");
    expect(listed.stdout).toMatch(new RegExp(`^ *${operation.id} +rerun, canary +✕ Stopped`, "m"));
  },
);

test(
  "numbers that no double holds are printed to the last digit, for people and as JSON",
  SLOW,
  async () => {
    const [long, small] = ["9007199254740993", "0.12345678901234567890"];
    const { ids } = await letters(1, "echo", `{"id": ${long}, "of": [${small}]}`);
    await db.query("update millrace.run set output = input where id = $1", [ids[0]]);
    for (const [args, times] of [
      [["run", "show", ids[0]!], 2],
      [["run", "show", ids[0]!, "--json"], 2],
      [["dead", "show", ids[0]!], 1],
      [["dead", "show", ids[0]!, "--json"], 1],
      [["dead", "rerun", ids[0]!, "--patch", '[{"op":"remove","path":"/of"}]', "--dry-run"], 2],
    ] as const) {
      const { stdout } = await cli(...args);
      expect(stdout.split(long).length - 1, args.join(" ")).toBeGreaterThanOrEqual(times);
      expect(stdout, args.join(" ")).not.toContain("exact-");
    }
    expect((await cli("run", "show", ids[0]!)).stdout.split(small)).toHaveLength(3);
  },
);

test("what was dismissed, one by one or by an operation, is opened again", SLOW, async () => {
  const { fingerprint, ids } = await letters(3, "echo", '{"text":"n$n"}');
  await cli("dead", "dismiss", ids[0]!);
  expect((await cli("dead", "reopen", ids[0]!)).stdout).toBe(`${ids[0]} reopened\n`);
  const dismissed = await cli("dead", "dismiss", "--all", "--fingerprint", fingerprint, "--wait");
  const [, operation] = /operation (\d+)/.exec(dismissed.stdout)!;
  const counted = await cli("dead", "reopen", "--operation", operation!, "--dry-run");
  expect(counted.stdout).toBe("3 dead letters would be opened again\n");
  const reopened = await cli("dead", "reopen", "--operation", operation!, "--wait");
  expect(reopened.stdout).toMatch(/^✓ Completed operation \d+ {2}3\/3\n$/);
  const listed = await cli("dead", "--fingerprint", fingerprint, "--json");
  expect(listed.stdout.trim().split("\n")).toHaveLength(3);
});

test("reruns that fail again are told by exit code 4", SLOW, async () => {
  const { fingerprint } = await letters(2, "hostile", "{}");
  const again = await cli("dead", "rerun", "--all", "--fingerprint", fingerprint, "--wait");
  expect(again.code).toBe(4);
  expect(again.stderr).toContain("failed again: millrace operations show");
});

test(
  "Ctrl-C ends the waiting, not the operation, which is paused, resumed and cancelled by its number",
  SLOW,
  async () => {
    const { fingerprint } = await letters(30, "echo", '{"text":"n$n"}');
    const waiting = await startMillrace(
      ["dead", "rerun", "--all", "--fingerprint", fingerprint, "--rate", "1", "--wait"],
      one.client,
    );
    const [, id] = await waiting.waitForLine(/◐ Running operation (\d+) {2}/);
    waiting.kill("SIGINT");
    await waiting.waitForLine(
      new RegExp(`the operation goes on: millrace operations show ${id} --wait`),
    );
    expect((await waiting.exited).code).toBe(130);
    expect((await cli("operations", "pause", id!)).stdout).toMatch(/^‖ Paused operation/);
    expect((await cli("operations", "resume", id!)).stdout).toMatch(/^◐ Running operation/);
    expect((await cli("operations", "cancel", id!)).stdout).toMatch(/^⊘ Cancelled operation/);
    const late = await cli("operations", "pause", id!);
    expect(late).toMatchObject({ code: 1, stdout: "" });
    expect(late.stderr).toContain("[operation_ended]");
    const rest = await cli(
      "dead",
      "dismiss",
      "--all",
      "--fingerprint",
      fingerprint,
      "--note",
      "gone",
      "--wait",
    );
    expect(rest).toMatchObject({ code: 0 });
    expect(rest.stdout).toMatch(/^✓ Completed operation \d+ {2}(\d+)\/\1\n$/);
  },
);

test.each([
  [["dead", "rerun"], "which?"],
  [["dead", "dismiss", "--job", "echo"], "add --all"],
  [["dead", "rerun", randomUUID(), "--all"], "not both"],
  [["dead", "rerun", randomUUID(), "--job", "echo"], "not both"],
  [["dead", "rerun", randomUUID(), "--canary"], "--canary goes with --all"],
  [["dead", "dismiss", randomUUID(), "--dry-run"], "--dry-run goes with --all"],
  [["dead", "reopen"], "--operation N"],
  [["dead", "reopen", randomUUID(), "--operation", "1"], "--operation N"],
  [["dead", "reopen", randomUUID(), "--wait"], "--wait goes with --operation"],
  [["dead", "rerun", randomUUID(), "--patch", "{"], "--patch is not JSON"],
  [["dead", "rerun", randomUUID(), "--patch", "@/nowhere"], "cannot be read (ENOENT)"],
  [["dead", "rerun", "--all", "--rate", "0"], "Write a number from 0.01 to 1000"],
  [["dead", "--since", "yesterday"], "Write a number and a unit"],
  [["operations", "show", "x"], "whole number"],
  [["operations", "--state", "odd"], "Allowed choices"],
])("%j is bad usage", async (args, text) => {
  const answer = await cli(...args);
  expect(answer).toMatchObject({ code: 2, stdout: "" });
  expect(answer.stderr).toContain(text);
});
