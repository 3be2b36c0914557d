import { readFileSync } from "node:fs";
import { migrate, openDatabase, pendingMigrations } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { readAutomation } from "../../packages/server/src/store/runs.ts";
import { createDatabase } from "../support/database.ts";
import { earlierVersion, laterVersion } from "../support/migrations.ts";
import { until } from "../support/until.ts";

/** A database without our schema. */
async function emptyDatabase() {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const db = openDatabase({
    connection: () => ({ connectionString: url }),
    applicationName: "millrace test",
    maxConnections: 8,
  });
  onTestFinished(() => db.end());
  await db.query("drop schema millrace cascade");
  return db;
}

test("the changelog says of each migration what an older server is told", async () => {
  const additive = new Map(
    (await pendingMigrations(await emptyDatabase())).map((one) => [one.version, one.additive]),
  );
  const changelog = readFileSync(new URL("../../CHANGELOG.md", import.meta.url), "utf8");
  const said = [...changelog.matchAll(/Migration (\d+),\s+(?:which\s+is\s+)?(not\s+)?additive/g)];
  expect(said.length).toBeGreaterThan(10);
  for (const [sentence, version, not] of said) {
    expect(additive.get(Number(version)), sentence).toBe(not === undefined);
  }
});

test("of four that migrate at once, one applies each migration", async () => {
  const db = await emptyDatabase();
  const pending = await pendingMigrations(db);
  expect(pending.length).toBeGreaterThan(0);
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(db)));
  expect(applied.flat().map((migration) => migration.version)).toEqual(
    pending.map((migration) => migration.version),
  );
  expect(await pendingMigrations(db)).toEqual([]);
});

test("a server refuses a schema that a newer version has changed, and names the migration", async () => {
  const db = await emptyDatabase();
  await migrate(db);
  await db.query(
    "insert into millrace.migration (version, name, checksum, additive) values (999, 'later', '', false)",
  );
  await expect(migrate(db)).rejects.toMatchObject({
    code: "schema_too_new",
    message: expect.stringContaining("999 (later)"),
  });
  await db.query("update millrace.migration set additive = true where version = 999");
  await expect(migrate(db)).resolves.toEqual([]);
});

test("a migration whose text was changed after it was applied is refused", async () => {
  const db = await emptyDatabase();
  await migrate(db);
  await db.query("update millrace.migration set checksum = 'other' where version = 1");
  await expect(migrate(db)).rejects.toMatchObject({ code: "schema_changed" });
  await expect(pendingMigrations(db)).rejects.toMatchObject({ code: "schema_changed" });
});

test("a day without a partition loses nothing, and does not stop those of other days", async () => {
  const db = await emptyDatabase();
  await migrate(db);
  await db.query(`insert into millrace.queue (name) values ('q')`);
  await db.query(`insert into millrace.job (name, description, queue, priority, timeout_ms, retry)
    values ('j', '', 'q', 0, 1000, '{}')`);
  const { rows } = await db.query<{ id: string }>("select millrace.enqueue('j') as id");
  expect(await readAutomation(db, rows[0]!.id)).toMatchObject([{ status: "queued" }]);
  // Seven tables of two days; today's run moves home.
  const made = await db.query("select millrace.ensure_partitions(current_date, 2) as made");
  expect(made.rows).toEqual([{ made: 14 }]);
  expect(await readAutomation(db, rows[0]!.id)).toMatchObject([{ status: "queued" }]);
  expect((await db.query("select from millrace.run_default")).rowCount).toBe(0);

  await db.query(`insert into millrace.run (id, job, queue, priority, trigger, input)
    select (substr(millrace.uuid_floor(now() + interval '10 days')::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
      'j', 'q', 0, 'sql', '{}' from generate_series(1, 2001)`);
  const later = await db.query("select millrace.ensure_partitions(current_date + 9, 3) as made");
  // Too many to move while everybody waits: that day stays where it is.
  expect(later.rows).toEqual([{ made: 20 }]);
  expect((await db.query("select from millrace.run_default")).rowCount).toBe(2001);
});

test("a migration that others hold up lets them go on, says who they are, and is applied when they let go", async () => {
  const db = await emptyDatabase();
  await migrate(db);
  const { folder, version } = laterVersion(
    "-- additive\nalter table millrace.run add column note text;",
  );
  const holder = await db.connect();
  await holder.query("set application_name = 'a long report'");
  await holder.query("begin");
  await holder.query("select count(*) from millrace.run");

  await expect(migrate(db, { folder, patienceMs: 100 })).rejects.toMatchObject({
    code: "migration_blocked",
    message: expect.stringMatching(
      /later\) waits for process \d+ \(a long report.*nothing was changed/,
    ),
  });
  const told: string[] = [];
  const migrating = migrate(db, { folder, onBlocked: (sentence) => told.push(sentence) });
  await until("it says who is in the way", () => told.length > 0);
  // Somebody else is not held up by the one who waits.
  const startedAt = performance.now();
  await db.query("select count(*) from millrace.run");
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  await holder.query("commit");
  holder.release();
  expect((await migrating).map((migration) => migration.version)).toEqual([version]);
  expect(told).toHaveLength(1);
});

test("what was counted before counts are one is kept, and what was not counted yet is counted", async () => {
  const db = await emptyDatabase();
  await migrate(db, { folder: earlierVersion(43) });
  const minute = "date_trunc('minute', now())";
  await db.query(
    `insert into millrace.outcome_minute values (${minute}, 'any', 'completed', 7), (${minute}, 'any', 'failed', 2);
     insert into millrace.outcome_hour select * from millrace.outcome_minute;
     insert into millrace.tally values ('attempts', ${minute}, 'default', 'any', 12, 5, '{}'), ('calls', ${minute}, 'crm', 'h', 3, 1, '{2,1}');
     insert into millrace.uncounted_end values (gen_random_uuid(), 'any', 'cancelled', now())`,
  );
  await migrate(db);
  await countEnds(db, 100);
  const { rows } = await db.query({
    text: "select outcome, sum(ends)::int as ends from millrace.end_minute group by 1 order by 1",
  });
  expect(rows).toEqual([
    { outcome: "cancelled", ends: 1 },
    { outcome: "completed", ends: 7 },
    { outcome: "failed", ends: 2 },
    { outcome: "retried", ends: 3 },
  ]);
  const { rows: hours } = await db.query({
    text: "select sum(ends)::int as ends from millrace.end_hour",
  });
  expect(hours).toEqual([{ ends: 10 }]);
  const { rows: calls } = await db.query({
    text: "select project, host, calls, failed, within from millrace.call_minute",
  });
  expect(calls).toEqual([{ project: "crm", host: "h", calls: 3, failed: 1, within: [2, 1] }]);
});
