import { defineJob } from "@millrace/sdk";
import { Claimer, MetricsRegistry, openDatabase } from "millrace";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { readDatabaseHealth } from "../../packages/server/src/engine/database-health.ts";
import { measureHealth } from "../../packages/server/src/maintenance/health-metrics.ts";
import { ClaimTimes } from "../../packages/server/src/worker/claim-times.ts";
import { checkGrowth } from "../../packages/server/src/engine/doctor/check-growth.ts";
import { noteClaims } from "../../packages/server/src/store/workers.ts";
import { past } from "../support/history.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const job = defineJob({ name: "any", run: () => null });

/** A session that holds a snapshot until the test ends. */
async function holder(mill: Mill): Promise<{ pid: number }> {
  const client = new pg.Client({ connectionString: mill.url, application_name: "a long report" });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("begin isolation level repeatable read");
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]!;
}

describe("the database's health", () => {
  test("names who holds the oldest snapshot", async () => {
    const mill = await Mill.create(job);
    const { pid } = await holder(mill);
    const { snapshots } = await readDatabaseHealth(mill.db);
    expect(snapshots.find(({ id }) => id === String(pid))).toMatchObject({
      kind: "session",
      application: "a long report",
      user_name: "postgres",
      state: "idle in transaction",
      query: "select pg_backend_pid() as pid",
      seconds: expect.any(Number),
      age: expect.any(Number),
    });
  });

  test("is told to a role without rights on others' sessions, with what it cannot see", async () => {
    const mill = await Mill.create(job);
    const role = `millrace_test_plain_${process.pid}`;
    await mill.db.query(`create role ${role} login password '${role}'`);
    onTestFinished(async () => {
      const client = new pg.Client({ connectionString: mill.url });
      await client.connect();
      await client.query(`drop owned by ${role}`);
      await client.query(`drop role ${role}`);
      await client.end();
    });
    await mill.db.query(`grant usage on schema millrace to ${role}`);
    await mill.db.query(`grant select on all tables in schema millrace to ${role}`);
    const { pid } = await holder(mill);
    const url = new URL(mill.url);
    url.username = role;
    url.password = role;
    const plain = openDatabase({
      connection: () => ({ connectionString: url.href }),
      applicationName: "millrace test",
    });
    onTestFinished(() => plain.end());
    const { server, snapshots } = await readDatabaseHealth(plain);
    expect(server.half_blind).toBe(true);
    expect(snapshots.find(({ id }) => id === String(pid))?.seconds ?? null).toBeNull();
    const findings = await checkGrowth(plain);
    expect(findings.find(({ check }) => check === "snapshots")).toMatchObject({
      level: "ok",
      text: expect.stringContaining("grant pg_monitor"),
    });
  });

  test("counts dead rows, partitions, and runs without one", async () => {
    const mill = await Mill.createAnew(job);
    await mill.db.query("select millrace.ensure_partitions(current_date, 2)");
    await past(mill, { daysAgo: 30, count: 3 });
    await mill.db.query(
      "insert into millrace.timer select gen_random_uuid(), now(), 'delay' from generate_series(1, 500)",
    );
    await mill.db.query("delete from millrace.timer");
    const health = await until("the statistics have arrived", async () => {
      const read = await readDatabaseHealth(mill.db);
      return read.hotTables.some(({ name, dead }) => name === "timer" && dead >= 500) && read;
    });
    expect(health.homeless.runs).toBe(3);
    expect(health.history.find((table) => table.table_name === "run")).toMatchObject({
      partitions: 2,
    });

    const registry = new MetricsRegistry();
    measureHealth(registry, mill.db);
    const text = await registry.metrics();
    expect(text).toContain("millrace_database_health_up 1\n");
    expect(text).toMatch(/^millrace_dead_rows\{table="timer"\} 500$/m);
    expect(text).toMatch(/^millrace_history_partitions\{table="log"\} 2$/m);
    expect(text).toContain("millrace_runs_without_partition 3\n");
  });

  test("is not shown as it was when the database does not tell", async () => {
    const mill = await Mill.create(job);
    const registry = new MetricsRegistry();
    measureHealth(registry, mill.db);
    await mill.db.query("drop view millrace.partition");
    const text = await registry.metrics();
    expect(text).toContain("millrace_database_health_up 0\n");
    expect(text).not.toMatch(/^millrace_dead_rows\{/m);
  });

  test("has the slowest worker's claims", async () => {
    const mill = await Mill.create(job);
    const [quick, slow, gone] = [
      await mill.workerRow(),
      await mill.workerRow(),
      await mill.workerRow(),
    ];
    await noteClaims(mill.db, quick, 10, 1, 2);
    await noteClaims(mill.db, slow, 5, 3, 400);
    await noteClaims(mill.db, gone, 1, 9000, 9000);
    await mill.db.query("update millrace.worker set state = 'gone' where id = $1", [gone]);
    const { claims } = await readDatabaseHealth(mill.db);
    expect(claims).toEqual({ claims: 15, p50_ms: 3, p99_ms: 400 });
    expect((await checkGrowth(mill.db)).find(({ check }) => check === "claims")).toMatchObject({
      level: "warn",
      text: expect.stringContaining("400 ms at the 99th percentile"),
    });
  });
});

test("the doctor names a process that has held a snapshot for long, and how to end it", async () => {
  const mill = await Mill.create(job);
  const { pid } = await holder(mill);
  const found = await checkGrowth(mill.db);
  expect(found.find(({ check }) => check === "snapshots")?.level).toBe("ok");
  const aged = await checkGrowth(mill.db, { oldSnapshotSeconds: 0 });
  expect(aged.filter(({ check }) => check === "snapshots")).toContainEqual({
    check: "snapshots",
    level: "warn",
    text: expect.stringMatching(
      new RegExp(
        `^process ${pid} \\(a long report, user postgres, idle in transaction\\) has held a snapshot for .*: select pg_backend_pid`,
      ),
    ),
    fix: `end it: select pg_terminate_backend(${pid})`,
  });
});

test("a worker tells of its claims no oftener than it should, and never fails for it", async () => {
  const mill = await Mill.create(job);
  const worker = await mill.workerRow();
  const times = new ClaimTimes(mill.db, mill.logger, 0);
  await new Claimer(mill.db, worker, ["default"], ["any"]).claim(1);
  for (let ms = 1; ms <= 100; ms++) times.took(ms);
  await times.tell(worker);
  expect(await mill.rows("select claims, claim_p50_ms, claim_p99_ms from millrace.worker")).toEqual(
    [{ claims: 100, claim_p50_ms: 51, claim_p99_ms: 100 }],
  );
  times.took(1);
  await mill.db.query("drop table millrace.worker cascade");
  await expect(times.tell(worker)).resolves.toBeUndefined();
});
