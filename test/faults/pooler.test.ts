import { join } from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase, migrate, pruneAlone } from "millrace";
import { POOLED_SESSION } from "../../packages/server/src/store/database.ts";
import { createDatabase } from "../support/database.ts";
import { addressOf, millrace, newHome, startMillrace } from "../support/millrace.ts";
import { noPgBouncer, startPgBouncer } from "../support/pgbouncer.ts";
import { until } from "../support/until.ts";

// Behind a real PgBouncer in transaction mode, where two statements of a client meet two sessions of the server.

const JOBS = ["--jobs", join(import.meta.dirname, "../cli/jobs")];
const KEY = "mr_a-key-for-the-pooler-test";

async function newDatabase() {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  return {
    url: database.url,
    query: async (sql: string) => (await client.query(sql)).rows as Record<string, unknown>[],
  };
}

/** As {@link openDatabase} for a process, ended before its pooler. */
function through(url: string) {
  const connection = () => ({ connectionString: url });
  const db = openDatabase({ connection, applicationName: "millrace test" });
  onTestFinished(() => db.end());
  return db;
}

describe.skipIf(noPgBouncer !== undefined)(`PgBouncer ${noPgBouncer ?? ""}`, () => {
  test("a server behind PgBouncer migrates, accepts, executes and drains", async () => {
    const { url, query } = await newDatabase();
    await query("drop schema millrace cascade");
    const pooler = await startPgBouncer(url, POOLED_SESSION);
    const env = { MILLRACE_HOME: newHome(), MILLRACE_PORT: "0", MILLRACE_API_KEY: KEY };
    const server = await startMillrace(["start", ...JOBS], { ...env, DATABASE_URL: pooler.url });
    const client = { MILLRACE_URL: await addressOf(server), MILLRACE_API_KEY: KEY };
    await server.waitForLine(
      /a pooler stands before PostgreSQL, and its sessions are set up for us/,
    );
    await server.waitForLine(/so rings are not heard.*MILLRACE_LISTEN_URL/);
    await query(`select millrace.enqueue('echo', jsonb_build_object('text', n::text))
    from generate_series(1, 500) n`);
    const echoed = await millrace(["run", "echo", "-i", '{"text":"x"}', "--wait"], client);
    expect(echoed).toMatchObject({ code: 0 });
    await until("all are done", async () => {
      const [row] = await query(
        "select count(*)::int as runs from millrace.run where state = 'completed' and attempts = 1",
      );
      return row!["runs"] === 501;
    });
    server.kill("SIGTERM");
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.output).not.toMatch(/prepared statement|"level":"error"/);
  }, 120_000);

  test("sessions of a pooler are left as they are, and one that is not set up is told of", async () => {
    const { url, query } = await newDatabase();
    const pooler = await startPgBouncer(url);
    const env = { MILLRACE_HOME: newHome(), MILLRACE_LISTEN_URL: url, DATABASE_URL: pooler.url };
    const worker = await startMillrace(["worker", ...JOBS], env);
    await worker.waitForLine(/^Working\./);
    await worker.waitForLine(/connect_query='set enable_seqscan = off; [^']*timezone = UTC'/);
    await query(`select millrace.enqueue('echo', '{"text":"x"}')`);
    await until("it is done", async () => {
      return (await query("select from millrace.run where state = 'completed'")).length === 1;
    });
    // Those that listen come past the pooler, and hear.
    await until("it listens", async () => {
      return (
        (
          await query(`select from pg_stat_activity where application_name = 'millrace listener'
      and datname = current_database() and client_port is not null`)
        ).length === 1
      );
    });
    expect(worker.output).not.toContain("rings are not heard");
    const other = new pg.Client({ connectionString: pooler.url });
    await other.connect();
    onTestFinished(() => other.end());
    for (let session = 0; session < 8; session++) {
      const { rows } = await other.query("select current_setting('enable_seqscan') as scans");
      expect(rows).toEqual([{ scans: "on" }]);
    }
  });

  test("of two that migrate or prune through a pooler, one at a time does, and no lock stays", async () => {
    const { url, query } = await newDatabase();
    await query("drop schema millrace cascade");
    const pooler = await startPgBouncer(url);
    const dbs = [through(pooler.url), through(pooler.url)];
    const applied = await Promise.all(dbs.map((db) => migrate(db)));
    expect(applied.filter((migrations) => migrations.length > 0)).toHaveLength(1);
    await Promise.all(dbs.map((db) => pruneAlone(db, { retentionMs: 3_600_000 })));
    await until("no lock is left", async () => {
      return (
        (
          await query(`select from pg_locks where locktype = 'advisory' and database =
      (select oid from pg_database where datname = current_database())`)
        ).length === 0
      );
    });
  });
});
