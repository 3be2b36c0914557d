import { defineJob } from "@millrace/sdk";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { IntakeTest, openDatabase } from "millrace";
import { DatabaseWatch } from "../../packages/server/src/cli/serve/database-watch.ts";
import { HealthChecks, conditionOf } from "../../packages/server/src/cli/serve/health.ts";
import { ProcessRecord } from "../../packages/server/src/engine/process-record.ts";
import { createDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { millrace, newHome, startMillrace } from "../support/millrace.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const any = defineJob({ name: "any", run: () => null });

/** A pool of two connections, and the watch of it. */
async function watched(mill: Mill) {
  const reached: { config: pg.ClientConfig } = { config: { connectionString: mill.url } };
  const connection = () => reached.config;
  const db = openDatabase({ connection, applicationName: "watched", maxConnections: 2 });
  onTestFinished(() => db.end());
  const watch = new DatabaseWatch({ db, connection, logger: mill.logger });
  onTestFinished(() => watch.stop());
  await watch.start();
  await until("it has looked", async () => {
    const { rows } = await mill.db.query(
      "select from pg_stat_activity where application_name = 'watched'",
    );
    return rows.length > 0;
  });
  return { db, watch, reached };
}

test("a pool whose connections never come back makes the process dead, while the database lives", async () => {
  const mill = await Mill.create(any);
  const { db, watch } = await watched(mill);
  const checks = new HealthChecks();
  checks.addDatabase(() => watch.condition());
  checks.started();
  expect(await checks.alive()).toEqual({ ok: true, checks: { database: "ok" } });
  const leaked = [await db.connect(), await db.connect()];
  onTestFinished(() => leaked.forEach((client) => client.release()));
  const health = await until(
    "it is told of",
    async () => {
      const now = await checks.alive();
      return !now.ok && now;
    },
    { deadlineMs: 30_000 },
  );
  expect(health.checks["database"]).toMatch(
    /^answers, but no connection of this process has come free for \d+ s, since \S+Z \(2 in use, \d+ statements wait\)$/,
  );
  leaked.splice(0).forEach((client) => client.release());
  await until("it is well again", async () => (await checks.ready()).ok);
});

test("a process that is still being begun is alive and not ready, however well its parts are", async () => {
  const checks = new HealthChecks();
  checks.add("database", () => ({ ok: true, words: "ok" }));
  expect(await checks.ready()).toEqual({
    ok: false,
    checks: { database: "ok", start: "still under way" },
  });
  expect((await checks.alive()).ok).toBe(true);
  checks.started();
  expect(await checks.ready()).toEqual({ ok: true, checks: { database: "ok" } });
});

test("a database that is away makes a process not ready, and nobody dead", async () => {
  const mill = await Mill.create(any);
  const { watch, reached } = await watched(mill);
  const checks = new HealthChecks();
  checks.addDatabase(() => watch.condition());
  checks.started();
  checks.add("scheduler", () => ({ ok: false, words: "it has stalled for want of a database" }));
  expect((await checks.alive()).ok).toBe(false);
  reached.config = { host: "127.0.0.1", port: await freePort() };
  await mill.db.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'watched'",
  );
  const health = await until("it is away", async () => {
    const now = await checks.ready();
    return now.checks["database"] !== "ok" && now;
  });
  expect(health).toMatchObject({
    ok: false,
    checks: { database: expect.stringMatching(/^cannot be reached, for .+, since \S+Z$/) },
  });
  expect(await checks.alive()).toMatchObject({ ok: true });
  reached.config = { connectionString: mill.url };
  await until("what has stalled counts again", async () => !(await checks.alive()).ok);
});

test("the way in is tried while nobody uses it, and it is told when it is shut", async () => {
  const mill = await Mill.create(any);
  const intakeTest = new IntakeTest(mill);
  onTestFinished(() => intakeTest.stop());
  await intakeTest.start();
  const before = mill.intake.provenAt;
  await until("it has tried", () => mill.intake.provenAt > before);
  expect(await mill.rows("select from millrace.run")).toEqual([]);
  // What is real goes through beside it.
  const [tried, id] = await Promise.all([mill.intake.prove(), mill.enqueue("any")]);
  expect(tried).toBeUndefined();
  expect(await mill.rows("select id from millrace.run")).toEqual([{ id }]);

  const holder = await mill.connection();
  await holder.query("begin");
  await holder.query("lock table millrace.job in access exclusive mode");
  const condition = await until(
    "it is told of",
    () => {
      const now = conditionOf([intakeTest]);
      return !now.ok && now;
    },
    { deadlineMs: 30_000 },
  );
  expect(condition.words).toMatch(/^intake has not come back for \d+ s, since /);
  await holder.query("rollback");
  await until("it is well again", () => intakeTest.health().ok);
});

test("a process is on record with what is wrong with it and how far its clock is off, until it ends", async () => {
  const mill = await Mill.create(any);
  const wrong = { words: null as string | null };
  const record = new ProcessRecord({
    db: mill.db,
    logger: mill.logger,
    name: "host:1",
    roles: ["scheduler"],
    version: "1.2.3",
    trouble: async () => wrong.words,
    clock: () => Date.now() + 90_000,
  });
  await record.start();
  const written = () =>
    mill.rows<{ clock_ms: number | null }>(
      "select name, roles, version, trouble, well_at is not null as well, clock_ms from millrace.process",
    );
  const [row] = await until("its clock was compared", async () => {
    const rows = await written();
    return rows[0]?.clock_ms != null && rows;
  });
  expect(row).toMatchObject({ name: "host:1", roles: ["scheduler"], version: "1.2.3", well: true });
  expect(row!.clock_ms! / 1000).toBeCloseTo(90, 0);
  wrong.words = "worker: claim loop has not come back";
  record.wake();
  await until("its trouble is on record", async () => {
    const [now] = await mill.rows<{ trouble: string | null }>(
      "select trouble from millrace.process where trouble_since is not null",
    );
    return now?.trouble === wrong.words;
  });
  await record.stop();
  expect(await written()).toEqual([]);
});

describe("a worker's process", () => {
  async function aWorker() {
    const database = await createDatabase();
    onTestFinished(() => database.drop());
    const env = { DATABASE_URL: database.url, MILLRACE_HOME: newHome(), MILLRACE_PROBE_PORT: "0" };
    expect(await millrace(["migrate"], env)).toMatchObject({ code: 0 });
    const jobs = ["--jobs", join(import.meta.dirname, "health-jobs")];
    const worker = await startMillrace(["worker", ...jobs], env);
    const [, probes] = await worker.waitForLine(/probes +(http:\S+)\/healthz/);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    onTestFinished(() => client.end());
    const ask = async (path: string, withinMs = 6000) => {
      const answer = await fetch(probes + path, { signal: AbortSignal.timeout(withinMs) });
      const { checks } = (await answer.json()) as { checks: Record<string, string> };
      return { status: answer.status, checks };
    };
    await until("it is ready", async () => (await ask("/readyz")).status === 200, {
      deadlineMs: 30_000,
    });
    return { worker, client, ask };
  }

  test("whose claims hang is 503 within 10 s though it lives and its database answers, and 200 when they come back", async () => {
    const { worker, client, ask } = await aWorker();
    expect(await ask("/healthz")).toMatchObject({ status: 200, checks: { worker: "ok" } });
    await client.query("begin");
    await client.query("lock table millrace.ready in access exclusive mode");
    const red = await until("it is told of", async () => {
      const now = await ask("/healthz");
      return now.status === 503 && now;
    });
    // By the worker's clock, which leaves out what the machine stood.
    expect(red.checks).toMatchObject({
      database: "ok",
      worker: expect.stringMatching(/^claim loop has not come back for [7-9] s, since \S+Z$/),
    });
    expect((await ask("/readyz")).status).toBe(503);
    expect(worker.exit).toBeUndefined();
    await client.query("rollback");
    await until("it is well again", async () => (await ask("/readyz")).status === 200);
  });

  test("whose event loop is blocked gives a probe no answer, and is well as soon as it turns again", async () => {
    const { client, ask } = await aWorker();
    const { rows } = await client.query(`select millrace.enqueue('block', '{"ms":12000}') as id`);
    await until(
      "a probe waits in vain",
      async () =>
        ask("/healthz", 2000).then(
          () => false,
          () => true,
        ),
      { deadlineMs: 20_000 },
    );
    const after = await until(
      "it answers again",
      async () => ask("/healthz", 2000).catch(() => undefined),
      { deadlineMs: 30_000 },
    );
    // What it could not do meanwhile is no stall.
    expect(after).toMatchObject({ status: 200, checks: { worker: "ok" } });
    await until("its run is over", async () => {
      const run = await client.query(
        "select from millrace.run where id = $1 and state is not null",
        [rows[0].id],
      );
      return run.rows.length === 1;
    });
  });
});
