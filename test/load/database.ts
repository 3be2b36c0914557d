import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Database, migrate, openDatabase } from "millrace";
import pg from "pg";
import { cpuOfTree } from "../../bench/meter.ts";

/** Where to measure: DATABASE_URL's server, else the one on this machine. */
const SERVER = process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

export interface BenchDatabase {
  db: Database;
  connection: () => pg.ClientConfig;
  /** The settings that decide what a commit costs. */
  settings: Record<string, string>;
  drop: () => Promise<void>;
}

/** A new, migrated database on a durable server, dropped at the end. */
export async function openBenchDatabase(): Promise<BenchDatabase> {
  const name = `millrace_bench_${randomBytes(4).toString("hex")}`;
  await maintain(`create database ${name}`);
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  const connection = () => ({ connectionString: url.href });
  const db = openDatabase({ connection, applicationName: "millrace bench", maxConnections: 8 });
  await migrate(db);
  await db.query("select millrace.ensure_partitions(current_date - 1, 4)");
  const { rows } = await db.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings
     where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers')`,
  );
  const settings = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
  if (settings["fsync"] !== "on" || settings["synchronous_commit"] !== "on") {
    throw new Error("this server is not durable: fsync and synchronous_commit must be on");
  }
  return {
    db,
    connection,
    settings,
    drop: async () => {
      await db.end();
      await maintain(`drop database if exists ${name} with (force)`);
    },
  };
}

/** Between rounds: write back what the last round has dirtied, so that the next does not pay for it. */
export async function settleDown(db: Database): Promise<void> {
  await db.query("checkpoint");
  await pause(200);
}

/** After much was seeded: counts it and clears up as autovacuum would have by the time that so much is there. */
export async function tidied(db: Database): Promise<void> {
  const client = await db.connect();
  try {
    await client.query("set statement_timeout = 0");
    await client.query({ text: "vacuum analyze", query_timeout: 600_000 } as never);
  } finally {
    client.release(true);
  }
}

/** The process of the server that a database lies on; it must be on this machine. */
export async function postmasterOf(db: Database): Promise<number> {
  const { rows } = await db.query<{ pid: number }>(
    "select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)::int as pid",
  );
  if (cpuOfTree(rows[0]!.pid) === null)
    throw new Error("DATABASE_URL: a server of this machine is needed");
  return rows[0]!.pid;
}

async function maintain(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: SERVER });
  await client.connect();
  await client.query(sql);
  await client.end();
}
