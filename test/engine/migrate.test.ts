import { migrate, openDatabase, pendingMigrations } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { readAutomation } from "../../packages/server/src/store/runs.ts";
import { createDatabase } from "../support/database.ts";

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
  // Five tables of two days; today's run moves home.
  const made = await db.query("select millrace.ensure_partitions(current_date, 2) as made");
  expect(made.rows).toEqual([{ made: 10 }]);
  expect(await readAutomation(db, rows[0]!.id)).toMatchObject([{ status: "queued" }]);
  expect((await db.query("select from millrace.run_default")).rowCount).toBe(0);

  await db.query(`insert into millrace.run (id, job, queue, priority, trigger, input)
    select (substr(millrace.uuid_floor(now() + interval '10 days')::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
      'j', 'q', 0, 'sql', '{}' from generate_series(1, 2001)`);
  const later = await db.query("select millrace.ensure_partitions(current_date + 9, 3) as made");
  // Too many to move while everybody waits: that day stays where it is.
  expect(later.rows).toEqual([{ made: 14 }]);
  expect((await db.query("select from millrace.run_default")).rowCount).toBe(2001);
});
