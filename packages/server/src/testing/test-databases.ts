import { createHash, randomBytes } from "node:crypto";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { acquireEmbeddedPostgres, processState } from "../runtime/embedded/index.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { migrate, migrationsText } from "../store/migrate.ts";
import { FAKE_CLOCK, ON_FAKE_CLOCK } from "./fake-clock.ts";
import { lookAround } from "./look-around.ts";
import { Spares } from "./spares.ts";

/** Whoever makes or drops templates holds this advisory lock. The number is "mtst" in ASCII. */
const TEMPLATE_LOCK = 0x6d_74_73_74;

const PREFIX = "millrace_kit";

/** Shown in `pg_stat_activity`. */
const APPLICATION = "millrace testing";

/** A PostgreSQL server on which tests have databases of their own. */
export interface TestServer {
  /** A new database with Millrace's tables and no rows. */
  create(): Promise<TestDatabase>;
}

export interface TestDatabase {
  /** Its sessions live by the fake clock. */
  readonly db: Database;
  drop(): Promise<void>;
}

/** Where a test's PostgreSQL is. */
export interface TestServerOptions {
  /** A server, PostgreSQL 15 or later, on which databases may be made. Default: the embedded one. */
  databaseUrl?: string;
  /** Where the embedded one keeps its data for the next time. Default: `.millrace/testing` below the current folder. */
  home?: string;
}

/** Where a test's sessions go; read anew for each. */
type Place = () => pg.ClientConfig;

const servers = new Map<string, Promise<TestServer>>();

/**
 * One for each place and process, because what it takes to have one is more than what a test takes. It does not keep the process from
 * ending; the embedded PostgreSQL is stopped at the end of the last process that has used it.
 */
export function testServer({
  databaseUrl,
  home = ".millrace/testing",
}: TestServerOptions): Promise<TestServer> {
  const key = databaseUrl ?? path.resolve(home);
  let server = servers.get(key);
  if (!server) {
    server = databaseUrl === undefined ? embeddedServer(key) : serverAt(databaseUrl);
    servers.set(key, server);
    server.catch(() => servers.delete(key));
  }
  return server;
}

async function embeddedServer(home: string): Promise<TestServer> {
  const server = await acquireEmbeddedPostgres({
    home,
    report: () => {},
    keepsProcess: false,
    // Nothing in it outlives a test.
    settings: {
      fsync: "off",
      synchronous_commit: "off",
      full_page_writes: "off",
      wal_level: "minimal",
      max_wal_senders: 0,
      autovacuum: "off",
    },
  });
  const place = () => ({ ...server.connection() });
  const sessions = maintenance(place);
  await sweep(sessions);
  // Files are quicker copied than written by the log, where nothing has to reach the disk.
  const copies = await Copies.of(sessions, place, "strategy file_copy");
  const spares = new Spares(() => copies.create());
  // oxlint-disable-next-line no-restricted-properties -- in a test's process there is no command line that could end it.
  process.once("beforeExit", () => void spares.end().then(() => server.release()));
  return { create: () => spares.take() };
}

async function serverAt(url: string): Promise<TestServer> {
  const place = () => ({ connectionString: url });
  const copies = await Copies.of(maintenance(place), place);
  return { create: () => copies.create() };
}

/** Takes away what processes that were killed have left. All processes that use an embedded server are on its machine. */
async function sweep(sessions: pg.Pool): Promise<void> {
  const gone = ({ pid }: { pid: number }) => processState(pid) !== "running";
  // What they had asked for goes on being made, and is seen by nobody before it is done.
  const { rows: making } = await sessions.query<{ session: number; pid: number }>(
    `select pid as session, substring(query from $1)::int as pid from pg_stat_activity where state = 'active' and query ~ $1`,
    [`^create database ${PREFIX}_([0-9]+)_`],
  );
  for (const { session } of making.filter(gone)) {
    await sessions.query("select pg_terminate_backend($1, 10000)", [session]);
  }
  const { rows: made } = await sessions.query<{ name: string; pid: number }>(
    `select datname as name, split_part(datname, '_', 3)::int as pid from pg_database where datname ~ $1`,
    [`^${PREFIX}_[0-9]+_[0-9a-f]+$`],
  );
  for (const { name } of made.filter(gone)) {
    await sessions.query(`drop database if exists ${name} with (force)`);
  }
}

/** For statements that cannot run inside the database they are about. */
function maintenance(place: Place): pg.Pool {
  class Client extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, ...place() });
      this.on("error", () => {});
    }
  }
  const sessions = new pg.Pool({
    Client,
    max: 2,
    allowExitOnIdle: true,
    application_name: APPLICATION,
  });
  // It is replaced when it is wanted.
  sessions.on("error", () => {});
  return sessions;
}

/** Makes databases of one template. */
class Copies {
  readonly #sessions: pg.Pool;
  readonly #place: Place;
  readonly #how: string;

  static async of(sessions: pg.Pool, place: Place, strategy = ""): Promise<Copies> {
    return new Copies(
      sessions,
      place,
      `template ${await migratedTemplate(sessions, place)} ${strategy}`,
    );
  }

  private constructor(sessions: pg.Pool, place: Place, how: string) {
    this.#sessions = sessions;
    this.#place = place;
    this.#how = how;
  }

  async create(): Promise<TestDatabase> {
    const name = `${PREFIX}_${process.pid}_${randomBytes(4).toString("hex")}`;
    await this.#sessions.query(`create database ${name} ${this.#how}`);
    const db = openDatabase({
      connection: () => ({ ...into(this.#place(), name), options: ON_FAKE_CLOCK }),
      applicationName: APPLICATION,
      maxConnections: 6,
      keepsProcess: false,
    });
    // The first session in a database has all its catalogs to read.
    await lookAround(db);
    return {
      db,
      drop: async () => {
        await db.end();
        await this.#left(name);
        await this.#sessions.query(`drop database if exists ${name} with (force)`);
      },
    };
  }

  /** Sessions that we have ended take some milliseconds to be gone; PostgreSQL would look again after a hundred. */
  async #left(name: string): Promise<void> {
    for (let looks = 0; looks < 10; looks++) {
      const { rowCount } = await this.#sessions.query(
        "select from pg_stat_activity where datname = $1 limit 1",
        [name],
      );
      if (rowCount === 0) return;
      await pause(2);
    }
  }
}

/** Made once for each state of the migrations. */
async function migratedTemplate(sessions: pg.Pool, place: Place): Promise<string> {
  const hash = createHash("sha256").update(await migrationsText());
  const name = `${PREFIX}_template_${hash.update(FAKE_CLOCK).digest("hex").slice(0, 16)}`;
  const session = await sessions.connect();
  try {
    await session.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    // One that is open was cut off half-made.
    if (!(await isClosed(session, name))) await makeTemplate(session, place, name);
  } finally {
    // Locks end with the session.
    session.release(true);
  }
  return name;
}

async function isClosed(session: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await session.query<{ open: boolean }>(
    "select datallowconn as open from pg_database where datname = $1",
    [name],
  );
  return rows[0]?.open === false;
}

async function makeTemplate(session: pg.ClientBase, place: Place, name: string): Promise<void> {
  await session.query(`drop database if exists ${name} with (force)`);
  await session.query(`create database ${name}`);
  const db = openDatabase({
    connection: () => into(place(), name),
    applicationName: APPLICATION,
    maxConnections: 2,
  });
  try {
    await migrate(db);
    await db.query(FAKE_CLOCK);
  } finally {
    await db.end();
  }
  await session.query(`alter database ${name} allow_connections false`);
}

function into(config: pg.ClientConfig, database: string): pg.ClientConfig {
  if (config.connectionString === undefined) return { ...config, database };
  const url = new URL(config.connectionString);
  url.pathname = `/${database}`;
  return { ...config, connectionString: url.href };
}
