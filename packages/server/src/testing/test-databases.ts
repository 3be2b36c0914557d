import { createHash, randomBytes } from "node:crypto";
import path from "node:path";
import pg from "pg";
import { acquireEmbeddedPostgres } from "../runtime/embedded/index.ts";
import { openDatabase } from "../store/database.ts";
import { migrate, migrationsText } from "../store/migrate.ts";
import { FAKE_CLOCK } from "./fake-clock.ts";

/** Whoever makes or drops templates holds this advisory lock. The number is "mtst" in ASCII. */
const TEMPLATE_LOCK = 0x6d_74_73_74;

const PREFIX = "millrace_kit";

/** A PostgreSQL server on which tests have databases of their own. */
export interface TestServer {
  /** A new database with Millrace's tables and no rows. */
  create(): Promise<TestDatabase>;
  release(): Promise<unknown>;
}

export interface TestDatabase {
  connection(): pg.ClientConfig;
  drop(): Promise<void>;
}

/** Where a test's PostgreSQL is. */
export interface TestServerOptions {
  /** A server, PostgreSQL 15 or later, on which databases may be made. Default: the embedded one. */
  databaseUrl?: string;
  /** Where the embedded one keeps its data for the next time. Default: `.millrace/testing` below the current folder. */
  home?: string;
}

/** The embedded one is stopped by the last process that has used it. */
export async function testServer({
  databaseUrl,
  home = ".millrace/testing",
}: TestServerOptions): Promise<TestServer> {
  if (databaseUrl !== undefined) {
    return serverAt(
      () => ({ connectionString: databaseUrl }),
      () => Promise.resolve(),
    );
  }
  const server = await acquireEmbeddedPostgres({
    home: path.resolve(home),
    report: () => {},
    // Nothing in it outlives a test.
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off" },
  });
  return serverAt(
    () => ({ ...server.connection() }),
    () => server.release(),
  );
}

async function serverAt(
  connection: () => pg.ClientConfig,
  release: () => Promise<unknown>,
): Promise<TestServer> {
  const template = await migratedTemplate(connection);
  return {
    create: async () => {
      const name = `${PREFIX}_${process.pid}_${randomBytes(4).toString("hex")}`;
      await maintain(connection, (client) =>
        client.query(`create database ${name} template ${template}`),
      );
      return {
        connection: () => into(connection(), name),
        drop: async () => {
          await maintain(connection, (client) =>
            client.query(`drop database if exists ${name} with (force)`),
          );
        },
      };
    },
    release,
  };
}

/** Made once for each state of the migrations. */
async function migratedTemplate(connection: () => pg.ClientConfig): Promise<string> {
  const hash = createHash("sha256").update(await migrationsText());
  const name = `${PREFIX}_template_${hash.update(FAKE_CLOCK).digest("hex").slice(0, 16)}`;
  await maintain(connection, async (client) => {
    await client.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    const { rows } = await client.query<{ open: boolean }>(
      "select datallowconn as open from pg_database where datname = $1",
      [name],
    );
    // One that is open was cut off half-made.
    if (rows[0]?.open === false) return;
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}`);
    const db = openDatabase({
      connection: () => into(connection(), name),
      applicationName: "millrace testing",
      maxConnections: 2,
    });
    try {
      await migrate(db);
      await db.query(FAKE_CLOCK);
    } finally {
      await db.end();
    }
    await client.query(`alter database ${name} allow_connections false`);
  });
  return name;
}

function into(config: pg.ClientConfig, database: string): pg.ClientConfig {
  if (config.connectionString === undefined) return { ...config, database };
  const url = new URL(config.connectionString);
  url.pathname = `/${database}`;
  return { ...config, connectionString: url.href };
}

/** Runs statements that cannot run inside the database they are about. Locks end with it. */
async function maintain(
  connection: () => pg.ClientConfig,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client(connection());
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
