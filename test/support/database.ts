import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { migrate } from "../../packages/server/src/store/migrate.ts";
import { isAlive } from "./is-alive.ts";

const STORE = new URL("../../packages/server/src/store/", import.meta.url);

/** One lock for making and dropping templates, in the maintenance database; the number is arbitrary. */
const TEMPLATE_LOCK = 4_706_702;

export interface TestDatabase {
  url: string;
  /** Drops it, whoever is still connected. */
  drop: () => Promise<void>;
}

/**
 * A new database with our schema and no rows: a copy of a template that is migrated once for each state of the
 * migrations, and kept for the next runs. Takes 30 to 100 ms.
 *
 * Drop it at the end (`onTestFinished(database.drop)`); what a killed run leaves is swept by a later one.
 */
export async function createDatabase(): Promise<TestDatabase> {
  const name = `millrace_test_${runner()}_${randomBytes(4).toString("hex")}`;
  for (let attempt = 1; ; attempt++) {
    template ??= migratedTemplate();
    try {
      const of = await template;
      await maintain((client) => client.query(`create database ${name} template ${of}`));
      break;
    } catch (error) {
      template = undefined;
      // A run with other migrations has dropped our template as an old one: make it again.
      if ((error as pg.DatabaseError).code !== "3D000" || attempt === 5) throw error;
    }
  }
  return {
    url: urlOf(name),
    drop: () =>
      maintain(async (client) => {
        await sessionsLeft(client, name);
        await dropDatabase(client, name);
      }),
  };
}

/** Those that were ended take some milliseconds to be gone, and one that is ended by the server instead throws where nobody listens any more. */
async function sessionsLeft(client: pg.ClientBase, name: string): Promise<void> {
  for (let looks = 0; looks < 10; looks++) {
    const { rowCount } = await client.query(
      "select from pg_stat_activity where datname = $1 limit 1",
      [name],
    );
    if (rowCount === 0) return;
    await pause(5);
  }
}

/** Its name, once it is there; a process asks once. */
let template: Promise<string> | undefined;

/** Once for each run, before the tests: takes away what earlier runs left. */
export async function prepareDatabases(): Promise<{ sweep(): Promise<void> }> {
  process.env.MILLRACE_TEST_RUNNER = String(process.pid);
  await maintainTemplates(async (client) => {
    await sweepDatabases(client, (pid) => !isAlive(pid));
    await sweepTemplates(client);
  });
  return {
    sweep: () => maintain((client) => sweepDatabases(client, (pid) => pid === runner())),
  };
}

/** The process that runs the whole suite; a script that uses this module alone is its own. */
function runner(): number {
  return Number(process.env.MILLRACE_TEST_RUNNER ?? process.pid);
}

async function migratedTemplate(): Promise<string> {
  const name = templateName();
  await maintainTemplates(async (client) => {
    const { rows } = await client.query<{ open: boolean }>(
      "select datallowconn as open from pg_database where datname = $1",
      [name],
    );
    // Closed to connections is what the last line below leaves: a template that is open was cut off half-made.
    if (rows[0]?.open === false) return;
    await dropDatabase(client, name);
    await client.query(`create database ${name}`);
    await migrateDatabase(urlOf(name));
    await client.query(`alter database ${name} allow_connections false`);
  });
  return name;
}

async function migrateDatabase(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url });
  try {
    await migrate(pool);
  } finally {
    await pool.end();
  }
}

function templateName(): string {
  const hash = createHash("sha256");
  const migrations = readdirSync(new URL("migrations/", STORE)).sort();
  for (const file of ["migrate.ts", ...migrations.map((name) => `migrations/${name}`)]) {
    hash.update(`${file}\0`).update(readFileSync(new URL(file, STORE)));
  }
  return `millrace_template_${hash.digest("hex").slice(0, 16)}`;
}

async function sweepDatabases(
  client: pg.ClientBase,
  of: (runner: number) => boolean,
): Promise<void> {
  for (const name of await databasesLike(client, "millrace_test_%")) {
    if (of(Number(name.split("_")[2]))) await dropDatabase(client, name);
  }
}

async function sweepTemplates(client: pg.ClientBase): Promise<void> {
  for (const name of await databasesLike(client, "millrace_template_%")) {
    if (name === templateName()) continue;
    await client.query(`drop database if exists ${name}`).catch((error: pg.DatabaseError) => {
      // Another run is copying it at this moment.
      if (error.code !== "55006") throw error;
    });
  }
}

async function databasesLike(client: pg.ClientBase, pattern: string): Promise<string[]> {
  const { rows } = await client.query<{ datname: string }>(
    "select datname from pg_database where datname like $1",
    [pattern],
  );
  return rows.map((row) => row.datname).filter((name) => /^\w+$/.test(name));
}

async function dropDatabase(client: pg.ClientBase, name: string): Promise<void> {
  await client.query(`drop database if exists ${name} with (force)`);
}

/** Runs statements that cannot run inside the database they are about. */
async function maintain<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = await sessions().connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

/** The same, one at a time. */
async function maintainTemplates<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  return await maintain(async (client) => {
    await client.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    try {
      return await work(client);
    } finally {
      await client.query("select pg_advisory_unlock($1)", [TEMPLATE_LOCK]);
    }
  });
}

let pool: pg.Pool | undefined;

/** Kept for the next, because a session takes longer to begin than what is done in it; none keeps the process from ending. */
function sessions(): pg.Pool {
  if (pool) return pool;
  pool = new pg.Pool({ connectionString: urlOf(), max: 3, allowExitOnIdle: true });
  // One that breaks while nobody uses it is replaced when it is wanted.
  pool.on("error", () => {});
  return pool;
}

function urlOf(database?: string): string {
  const server = process.env.MILLRACE_TEST_PG_URL;
  if (!server) throw new Error("MILLRACE_TEST_PG_URL is not set: run this through vitest");
  const url = new URL(server);
  if (database) url.pathname = `/${database}`;
  return url.href;
}
