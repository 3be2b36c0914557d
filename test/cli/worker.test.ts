import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

// The commands that go to the database themselves: migrate, worker, doctor.

const JOBS = ["--jobs", join(import.meta.dirname, "jobs")];

async function newDatabase() {
  const database = await createDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.drop();
  });
  const query = async (sql: string) => (await client.query(sql)).rows as Record<string, string>[];
  // Nothing answers on that port.
  const port = String(await freePort());
  return {
    query,
    url: database.url,
    env: { DATABASE_URL: database.url, MILLRACE_HOME: newHome(), MILLRACE_PORT: port },
  };
}

test("an empty database is refused by a worker, diagnosed by the doctor, and mended by migrate", async () => {
  const { env, query } = await newDatabase();
  await query("drop schema millrace cascade");

  const refused = await millrace(["worker", ...JOBS], env);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/lacks migrations .*run millrace migrate.*\[migrations_pending\]/);
  const sick = await millrace(["doctor"], env);
  expect(sick.code).toBe(5);
  expect(sick.stdout).toMatch(/^✕ the schema lacks \d+ migrations?\. Fix: millrace migrate$/m);

  const dry = await millrace(["migrate", "--dry-run"], env);
  expect(dry).toMatchObject({ code: 0 });
  expect(dry.stdout).toMatch(/^0001 foundation {2}pending$/m);
  expect(await query("select to_regclass('millrace.run') as run")).toEqual([{ run: null }]);
  const done = await millrace(["migrate", "--json"], env);
  expect(JSON.parse(done.stdout.split("\n")[0]!)).toEqual({
    v: 1,
    version: 1,
    name: "foundation",
    state: "applied",
  });
  expect(await millrace(["migrate"], env)).toMatchObject({
    code: 0,
    stdout: "",
    stderr: "The schema is up to date.\n",
  });
});

test("a worker drains on Ctrl-C, which npm sends twice, and the doctor sees what it leaves", async () => {
  const { env, query } = await newDatabase();
  await millrace(["migrate"], env);
  const worker = await startMillrace(["worker", ...JOBS, "--queues", "naps"], env);
  await worker.waitForLine(/^ {2}takes +20 runs at a time from naps$/);
  await worker.waitForLine(/^Working\. Ctrl-C stops\.$/);
  const well = await millrace(["doctor"], env);
  expect(well).toMatchObject({ code: 0, stderr: "" });
  expect(well.stdout).toMatch(/^✓ PostgreSQL \d/);
  expect(well.stdout).toMatch(/^✓ fsync, full_page_writes and synchronous_commit are on$/m);
  expect(well.stdout).toMatch(/^✓ 1 worker alive$/m);
  expect(well.stdout).toMatch(/^! no server answers at \S+\. Fix: millrace start/m);

  const [nap] = await query(`select millrace.enqueue('nap', '{"ms":10000}') as id`);
  const state = async () => {
    const [row] = await query(
      `select status from millrace.automation_jobs where id = '${nap!.id}'`,
    );
    return row!.status;
  };
  await until("it runs", async () => (await state()) === "running");
  worker.kill("SIGINT");
  await worker.waitForLine(/^Stopping: finishing 1 run \(again to stop now\)…$/);
  worker.kill("SIGINT");
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(await state()).toBe("completed");

  await query(`select millrace.enqueue('nap', '{"ms":1}')`);
  const sick = await millrace(["doctor", "--json"], env);
  expect(sick.code).toBe(5);
  const findings = sick.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(findings).toContainEqual({
    v: 1,
    check: "queues",
    level: "bad",
    text: expect.stringMatching(
      /^queue naps: 1 run waiting, the oldest for .*; no living worker takes from it$/,
    ),
    fix: "millrace worker --jobs … --queues naps",
  });
});

test("a worker tells the weights of its queues, and the doctor what holds a queue back for long", async () => {
  const { env, query } = await newDatabase();
  await millrace(["migrate"], env);
  const wrong = await millrace(["worker", ...JOBS, "--queues", "naps=0"], env);
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toMatch(/--queues: write names of queues .* such as urgent=5,default/);
  const worker = await startMillrace(["worker", ...JOBS, "--queues", "urgent=5,naps"], env);
  await worker.waitForLine(/^ {2}takes +20 runs at a time from urgent \(5\), naps$/);
  await worker.waitForLine(/^Working\. Ctrl-C stops\.$/);
  await query(`
    insert into millrace.pause (job, whole, paused_by, reason) values ('nap', true, 'api', 'moving');
    select millrace.regate('{nap}'); select millrace.enqueue('nap', '{"ms":1}')`);
  await until("it stands before the gate", async () => {
    return (await query("select from millrace.gate")).length === 1;
  });
  await query("update millrace.gate set since = now() - interval '10 minutes'");
  const doctor = await millrace(["doctor"], env);
  expect(doctor).toMatchObject({ code: 0 });
  expect(doctor.stdout).toMatch(
    /^! queue naps: 1 run held back, the oldest for 10 m.*: job nap is paused by api: moving\. Fix: millrace jobs resume nap$/m,
  );
});

test("a database that would lose acknowledged runs is refused", async () => {
  const { env, url } = await newDatabase();
  const unsafe = `${url}?options=${encodeURIComponent("-c synchronous_commit=off")}`;
  const answer = await millrace(["start", ...JOBS], { ...env, DATABASE_URL: unsafe });
  expect(answer.code).toBe(1);
  expect(answer.stderr).toMatch(/✕ synchronous_commit is off, .* switch it on: .*unsafe_database/);
});

test("a database that is not there is named without its password", async () => {
  const { env } = await newDatabase();
  const port = await freePort();
  const gone = { ...env, DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/app` };
  for (const command of [["start", ...JOBS], ["worker", ...JOBS], ["migrate"]]) {
    const answer = await millrace(command, gone);
    expect(answer.code).toBe(7);
    expect(answer.stderr).toContain(`the database at 127.0.0.1:${port}/app cannot be used`);
    expect(answer.stdout + answer.stderr).not.toContain("hunter2");
  }
  const doctor = await millrace(["doctor"], gone);
  expect(doctor).toMatchObject({ code: 5 });
  expect(doctor.stdout).toMatch(
    /^✕ the database at .* cannot be used: .*\. Fix: check DATABASE_URL/m,
  );
});

test("a worker does not start an embedded database of its own", async () => {
  const home = newHome();
  const answer = await millrace(["worker", ...JOBS], { MILLRACE_HOME: home });
  expect(answer.code).toBe(1);
  expect(answer.stderr).toMatch(/no embedded PostgreSQL runs in .* start it with millrace start/);
});

test("an error that nobody catches ends a worker, with a word in the log and its runs handed back", async () => {
  const { env, query } = await newDatabase();
  const worker = await startMillrace(["worker", ...JOBS], env);
  await worker.waitForLine(/^Working\./);
  const [nap] = await query(`select millrace.enqueue('nap', '{"ms":60000}') as id`);
  const [bomb] = await query(`select millrace.enqueue('bomb', '{}') as id`);
  await worker.waitForLine(/"level":"fatal".*nobody caught an error/);
  expect(await worker.exited).toEqual({ code: 1, signal: null });
  const rows = await query(
    `select id, status from millrace.automation_jobs where id in ('${nap!.id}', '${bomb!.id}')`,
  );
  expect(rows).toContainEqual({ id: nap!.id, status: "queued" });
});
