import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import type pg from "pg";
import type { Database } from "./database.ts";

/** Shipped as files; the path is the same from `src/store` and from `dist/store`. */
const FOLDER = new URL("../../src/store/migrations/", import.meta.url);

/** Any two processes that migrate the same database meet at this advisory lock. The number is "mill" in ASCII. */
const LOCK = 0x6d_69_6c_6c;

export interface Migration {
  version: number;
  name: string;
  text: string;
  checksum: string;
  /** Marked `-- additive` on its first line: an older server can go on working beside it. */
  additive: boolean;
}

interface Applied {
  version: number;
  name: string;
  checksum: string;
  additive: boolean;
}

/** The migrations of this version, in order; they are numbered from 1 without a gap. */
async function readMigrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".sql")).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const text = await readFile(new URL(file, FOLDER), "utf8");
      const version = Number(file.slice(0, 4));
      if (version !== index + 1) {
        throw new MillraceError(
          "schema_changed",
          `migration ${file} should have number ${index + 1}`,
        );
      }
      return {
        version,
        name: file.slice(5, -4),
        text,
        checksum: createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex"),
        additive: text.startsWith("-- additive"),
      };
    }),
  );
}

/**
 * Brings the schema up to this version. Forward only; each migration in a transaction of its own. Any number of
 * processes may call it at once.
 *
 * @returns the versions that were applied now
 * @throws MillraceError `schema_too_new`, when a later version has changed the schema in a way that this one cannot
 *   work with; `schema_changed`, when an applied migration's text is not the one we have
 */
export async function migrate(db: Database): Promise<Migration[]> {
  const known = await readMigrations();
  const client = await db.connect();
  try {
    await lock(client);
    const applied = await readApplied(client);
    verify(known, applied);
    const pending = known.slice(applied.length);
    for (const migration of pending) await apply(client, migration);
    return pending;
  } finally {
    // Closing the session gives the lock back, whatever state the session is in.
    client.release(true);
  }
}

/** Migrations that {@link migrate} would apply. Changes nothing. */
export async function pendingMigrations(db: Database): Promise<Migration[]> {
  const known = await readMigrations();
  const { rows } = await db.query<{ there: boolean }>(
    "select to_regclass('millrace.migration') is not null as there",
  );
  if (!rows[0]?.there) return known;
  const client = await db.connect();
  try {
    const applied = await selectApplied(client);
    verify(known, applied);
    return known.slice(applied.length);
  } finally {
    client.release();
  }
}

/** Waits by asking again: a session that sleeps in pg_advisory_lock holds a snapshot that blocks concurrent indexing. */
async function lock(client: pg.PoolClient): Promise<void> {
  for (;;) {
    const { rows } = await client.query("select pg_try_advisory_lock($1) as locked", [LOCK]);
    if (rows[0].locked) return;
    await pause(100);
  }
}

async function readApplied(client: pg.PoolClient): Promise<Applied[]> {
  await client.query(`
    create schema if not exists millrace;
    create table if not exists millrace.migration (
      version integer primary key,
      name text not null,
      checksum text not null,
      additive boolean not null,
      applied_at timestamptz not null default clock_timestamp()
    )`);
  return selectApplied(client);
}

async function selectApplied(client: pg.PoolClient): Promise<Applied[]> {
  const { rows } = await client.query<Applied>(
    "select version, name, checksum, additive from millrace.migration order by version",
  );
  return rows;
}

function verify(known: Migration[], applied: Applied[]): void {
  for (const row of applied) {
    const ours = known[row.version - 1];
    if (!ours) {
      if (row.additive) continue;
      throw new MillraceError(
        "schema_too_new",
        `the database has migration ${row.version} (${row.name}), which this version of Millrace does not know; start the version that made it, or a later one`,
      );
    }
    if (ours.checksum !== row.checksum) {
      throw new MillraceError(
        "schema_changed",
        `migration ${row.version} (${row.name}) was applied with another text than this version ships; migrations are append-only, so install an unchanged copy of Millrace`,
      );
    }
  }
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query("set local statement_timeout = 0");
    await client.query(migration.text);
    await client.query(
      "insert into millrace.migration (version, name, checksum, additive) values ($1, $2, $3, $4)",
      [migration.version, migration.name, migration.checksum, migration.additive],
    );
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw new Error(`migration ${migration.version} (${migration.name}) failed`, { cause: error });
  }
}
