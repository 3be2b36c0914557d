import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import type pg from "pg";
import { whileLocked } from "./advisory-lock.ts";
import { type Database, sqlState } from "./database.ts";
import { grantToRoles } from "./database-roles.ts";
import type { Queryable } from "./statement.ts";

/** Shipped as files; the path is the same from `src/store` and from `dist/store`. */
const FOLDER = new URL("../../src/store/migrations/", import.meta.url);

/** Any two processes that migrate the same database meet at this advisory lock. The number is "mill" in ASCII. */
const LOCK = 0x6d_69_6c_6c;

/**
 * How long a migration waits for a lock: whoever comes after it waits behind it, so a claim or an enqueue is held up for no
 * longer than this and what the change itself takes. It is tried again until the patience is over.
 */
const LOCK_MS = 200;

const LOCK_NOT_AVAILABLE = "55P03";

/** Longer than the pool lets any statement take: validating or filling a column may take its time. */
const STATEMENT_MS = 6 * 3_600_000;

export interface MigrateOptions {
  /** Where the migrations are; default: those of this version. */
  folder?: URL;
  /** For how long to try to get the locks that a migration needs. Default five minutes. */
  patienceMs?: number;
  /** Told, once for each migration, who holds what it needs. */
  onBlocked?: (sentence: string) => void;
}

export interface Migration {
  version: number;
  name: string;
  text: string;
  checksum: string;
  /** It says so in the comment that it begins with: an older server can go on working beside it. */
  additive: boolean;
}

/** The comment begins with the word, or has it for its last sentence. */
function isAdditive(text: string): boolean {
  const [comment = ""] = /^(?:--.*\n)*/.exec(text.replaceAll("\r\n", "\n")) ?? [];
  return /^-- additive\b|\bAdditive\.\n$/.test(comment);
}

interface Applied {
  version: number;
  name: string;
  checksum: string;
  additive: boolean;
}

/** The migrations of this version, in order; they are numbered from 1 without a gap. */
async function readMigrations(folder = FOLDER): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const text = await readFile(new URL(file, folder), "utf8");
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
        additive: isAdditive(text),
      };
    }),
  );
}

/** What the tables of this version come from: the same text, the same tables. */
export async function migrationsText(): Promise<string> {
  return (await readMigrations()).map(({ text }) => text).join("\n");
}

/**
 * Brings the schema up to this version. Forward only; each migration in a transaction of its own. Any number of
 * processes may call it at once.
 *
 * @returns the versions that were applied now
 * @throws MillraceError `schema_too_new`, when a later version has changed the schema in a way that this one cannot
 *   work with; `schema_changed`, when an applied migration's text is not the one we have; `migration_blocked`, when others
 *   would not let go of what it needs
 */
export async function migrate(db: Database, options: MigrateOptions = {}): Promise<Migration[]> {
  const known = await readMigrations(options.folder);
  return whileLocked(db, LOCK, async () => {
    const client = await db.connect();
    try {
      const applied = await readApplied(client);
      verify(known, applied);
      const pending = known.slice(applied.length);
      for (const migration of pending) await applyPatiently(client, migration, options);
      // Those of `millrace roles`, where they are.
      if (pending.length > 0 && options.folder === undefined) await grantToRoles(client);
      return pending;
    } finally {
      // A migration may have failed half-way through a statement.
      client.release(true);
    }
  });
}

/** Migrations that {@link migrate} would apply. Changes nothing. */
export async function pendingMigrations(db: Queryable): Promise<Migration[]> {
  const known = await readMigrations();
  const { rows } = await db.query<{ there: boolean }>({
    text: "select to_regclass('millrace.migration') is not null as there",
  });
  if (!rows[0]?.there) return known;
  const applied = await selectApplied(db);
  verify(known, applied);
  return known.slice(applied.length);
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

async function selectApplied(client: Queryable): Promise<Applied[]> {
  const { rows } = await client.query<Applied>({
    text: "select version, name, checksum, additive from millrace.migration order by version",
  });
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

async function applyPatiently(
  client: pg.PoolClient,
  migration: Migration,
  { patienceMs = 300_000, onBlocked }: MigrateOptions,
): Promise<void> {
  const startedAt = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await apply(client, migration);
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (sqlState(cause) !== LOCK_NOT_AVAILABLE) throw error;
      const name = `migration ${migration.version} (${migration.name})`;
      const sentence = `${name} waits for ${await oldestTransaction(client)}`;
      if (performance.now() - startedAt > patienceMs) {
        const fix = "end that transaction, then start again; nothing was changed";
        throw new MillraceError("migration_blocked", `${sentence}; ${fix}`, { cause });
      }
      if (tries === 3) onBlocked?.(sentence);
      // Long enough for all who waited behind the last try to get through.
      await pause(LOCK_MS * (1 + 3 * Math.random()));
    }
  }
}

/** In words: who has held anything of ours for the longest time, as far as this role may see. */
async function oldestTransaction(client: pg.PoolClient): Promise<string> {
  const { rows } = await client.query<{ words: string }>(
    `select format('process %s (%s, user %s, %s) that has held tables for %s s', a.pid,
       coalesce(nullif(a.application_name, ''), 'no name'), a.usename, coalesce(a.state, 'state hidden'),
       coalesce(round(extract(epoch from clock_timestamp() - a.xact_start))::text, 'some')) as words
     from pg_locks l
     join pg_class c on c.oid = l.relation and c.relnamespace = 'millrace'::regnamespace
     join pg_stat_activity a on a.pid = l.pid
     where l.granted and a.datname = current_database() and a.pid <> pg_backend_pid()
     order by a.xact_start nulls first limit 1`,
  );
  return rows[0]?.words ?? "others that hold tables for a moment each";
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(`set local statement_timeout = 0; set local lock_timeout = ${LOCK_MS}`);
    const text = { text: migration.text, query_timeout: STATEMENT_MS };
    await client.query(text);
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
