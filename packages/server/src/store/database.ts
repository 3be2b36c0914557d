import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import pg from "pg";
import { COLUMN_TYPES } from "./column-types.ts";
import { forgetNames, isPooled } from "./pooler.ts";
import type { Queryable } from "./statement.ts";

export type Database = pg.Pool;

export interface DatabaseOptions {
  /** Read anew for every connection: an embedded server may come back at another place. */
  connection: () => pg.ClientConfig;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  /** Default 10. */
  maxConnections?: number;
  /** How long the server works on a statement before it gives up. Default 30 000. */
  statementMs?: number;
  /** Whether connections that are idle keep the process from ending. Default true. */
  keepsProcess?: boolean;
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  onConnectionLost?: (error: Error) => void;
}

/**
 * Every hot statement is meant to walk an index, and its tables swing between nothing and millions of rows faster than
 * statistics follow: a plan made while `ready` was empty would scan it whole when it is full. So the planner is told
 * here, once, not to. What is planned once holds for every value, so it is not planned again: left to itself the server
 * planned each claim anew, for a third of the claim's time. JIT costs more than it brings for statements of a millisecond. A transaction that its client
 * forgot (a stopped process) is ended by the server, so that its locks do not hold up everybody.
 *
 * A plan that is made once must not depend on what a table held at that moment. So where many runs are wanted by their ids,
 * `run` is not simply joined: `cross join lateral (select … where id = x limit 1)` reads and `id = any (array[x])` updates
 * them one by one, by the index of the one partition. A join on equality may be planned as a hash of the whole history; and
 * it walks the whole index of a partition that was empty when somebody ran ANALYZE and has filled since (2.3 s to settle
 * 100 runs at 20,000 rows; 2 ms as it is).
 *
 * What is told of each queue is counted in several tables that have to be read whole. With scans priced out of reach all plans for a join of
 * such counts look alike, and each may compare every row of one with every row of the other (10,000 queues: a second). So they are not
 * joined: their rows are put below each other and grouped by the queue once, whose own row is then looked up.
 */
const sessionSettings = (statementMs: number): Record<string, string | number> => ({
  enable_seqscan: "off",
  enable_mergejoin: "off",
  plan_cache_mode: "force_generic_plan",
  jit: "off",
  statement_timeout: statementMs,
  idle_in_transaction_session_timeout: 30_000,
  timezone: "UTC",
});

const STATEMENT_MS = 30_000;

/** What the sessions of a pooler should be begun with, and need not: one statement text without quotes. */
export const POOLED_SESSION = assignments(sessionSettings(STATEMENT_MS));

function assignments(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `set ${name} = ${value}`)
    .join("; ");
}

/**
 * What is set in a pooler's session holds for whoever gets it next, and not for our next statement; but for the time zone,
 * which poolers keep for each of their clients.
 */
async function prepareSession(client: pg.ClientBase, statementMs: number): Promise<void> {
  if (await isPooled(client)) {
    forgetNames(client);
    await client.query("set timezone = UTC");
  } else {
    await client.query(assignments(sessionSettings(statementMs)));
  }
}

export function openDatabase(options: DatabaseOptions): Database {
  const statementMs = options.statementMs ?? STATEMENT_MS;
  class Client extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, ...options.connection() });
      // A connection that breaks between two statements of a transaction has nobody else who listens, and that would end
      // the process; whoever holds it learns of it from the next statement.
      this.on("error", () => {});
    }
  }
  const pool = new pg.Pool({
    Client,
    types: COLUMN_TYPES,
    application_name: options.applicationName,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 10_000,
    // One that went silent while nobody used it is gone after this, and not found out by whoever needs it next.
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // Statements that are not waited for go out together, and are answered in their order.
    pipeline: true,
    allowExitOnIdle: options.keepsProcess === false,
    // A little later than the server's own limit: it only ends statements whose connection went silent. Where statements go out
    // together, pg then destroys the connection, which a half-open one must not survive.
    query_timeout: statementMs + 5000,
    // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it; only its types say void.
    onConnect: (client) => prepareSession(client, statementMs),
  });
  pool.on("error", (error) => options.onConnectionLost?.(error));
  return pool;
}

/** A transaction that is under way; whoever asks for one within it becomes a part of it. */
export class Transaction implements Queryable {
  readonly #client: Queryable;

  constructor(client: Queryable) {
    this.#client = client;
  }

  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    return this.#client.query<Row>(config);
  }
}

/**
 * Runs `work` in one transaction: in one of its own, where a deadlock or serialisation failure is tried again, twice; or as a part of
 * that which is given.
 */
export async function inTransaction<T>(
  db: Database | Transaction,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  if (db instanceof Transaction) return work(db);
  for (let tries = 1; ; tries++) {
    const client = await db.connect();
    try {
      await client.query("begin");
      const result = await work(new Transaction(client));
      await client.query("commit");
      client.release();
      return result;
    } catch (error) {
      client.release(!(await rolledBack(client)));
      if (tries === 3 || !["40P01", "40001"].includes(sqlState(error) ?? "")) throw error;
      await pause(Math.random() * 20 * tries);
    }
  }
}

/**
 * Ends the transaction of a session, as if it had never been.
 *
 * @param withinMs how long may be waited for that; as long as for any statement, unless given
 * @returns whether the session is alive, and may be used again
 */
export function rolledBack(client: pg.PoolClient, withinMs?: number): Promise<boolean> {
  const rollback = { text: "rollback", ...(withinMs !== undefined && { query_timeout: withinMs }) };
  return client.query(rollback).then(
    () => true,
    () => false,
  );
}

/** How long a list may take: whoever waits for one has given up by then, and others want the connection. */
export const LIST_MS = 2000;

/**
 * Looks at what may be large, for two seconds a statement at the most. Statements of which none needs what another answers are best sent together
 * (`Promise.all`, of each statement itself: of those that fail, the first has to be heard first): what a look costs is, on a server that has little
 * to do, the number of times that it is waited for.
 *
 * @throws MillraceError `took_too_long`
 */
export function bounded<T>(db: Database, look: (tx: Queryable) => Promise<T>): Promise<T> {
  return reading(db, `set local statement_timeout = ${LIST_MS}`, look);
}

/**
 * Looks at what may be large in several statements, for so many milliseconds in all; or each for so many, of those that are sent together. A statement that is cut off fails (see {@link isCutOff}), and so does what comes after it;
 * whoever has found something before may answer that.
 *
 * @param look is given what tells how much of the time is left
 * @throws MillraceError `took_too_long` when that is not caught
 */
export function withinTime<T>(
  db: Database,
  ms: number,
  look: (tx: Queryable, leftMs: () => number) => Promise<T>,
): Promise<T> {
  // All its statements see the same, so that what one says of others holds.
  const setting =
    "set transaction isolation level repeatable read; set local statement_timeout = 0";
  return reading(db, setting, (client) => {
    // Not before there is a connection: who waited for one would have no time left to look at anything.
    const endsAt = performance.now() + ms;
    const leftMs = () => endsAt - performance.now();
    const query: Queryable["query"] = async <Row extends pg.QueryResultRow>(
      config: pg.QueryConfig,
    ) => {
      const left = Math.max(1, Math.ceil(leftMs()));
      const [, result] = await Promise.all([
        client.query({ text: `set local statement_timeout = ${left}` }),
        client.query<Row>(config),
      ]);
      return result;
    };
    return look({ query }, leftMs);
  });
}

/** Whether a statement has ended because its time was over. */
export function isCutOff(error: unknown): boolean {
  return sqlState(error) === "57014";
}

async function reading<T>(
  db: Database,
  setting: string,
  look: (tx: Queryable) => Promise<T>,
): Promise<T> {
  const client = await db.connect();
  let broken = true;
  try {
    // What is looked at first is sent along. Did the transaction not begin, that would be read outside of one, and thrown away.
    const [, result] = await Promise.all([
      client.query(`begin read only; ${setting}`),
      look(client),
    ]);
    await client.query("commit");
    broken = false;
    return result;
  } catch (error) {
    broken = !(await rolledBack(client));
    throw isCutOff(error) ? tookTooLong(error) : error;
  } finally {
    client.release(broken);
  }
}

/** What is thrown when it took longer than it may. */
export function tookTooLong(cause?: unknown): MillraceError {
  return new MillraceError(
    "took_too_long",
    `the list took longer than the ${LIST_MS / 1000} s that one may take; ask for less: by job, queue, state or time, or with a smaller limit`,
    { cause },
  );
}

/** A part of a transaction that may fail without the rest. */
export async function inSavepoint<T>(tx: Queryable, work: () => Promise<T>): Promise<T> {
  await tx.query({ text: "savepoint part" });
  try {
    const result = await work();
    await tx.query({ text: "release savepoint part" });
    return result;
  } catch (error) {
    await tx.query({ text: "rollback to savepoint part" });
    throw error;
  }
}

/** The SQLSTATE of a PostgreSQL error. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/**
 * Whether an error says that the database is away, on its way out or overburdened, as opposed to that it refused the
 * statement: the statement may have been carried out or not, and may succeed when it is sent again.
 */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  // Connection exceptions, serialisation and deadlock, too many connections, out of disk, a lock or a statement that took
  // too long, shutdown, crash, starting up, a failed disk, a server that has become a standby.
  if (state) return /^(08|40|53|55P03|57014|57P0|58030|25006)/.test(state);
  if (error instanceof AggregateError) return error.errors.every(isUnavailable);
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  return (
    /^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)/.test(code) ||
    (error instanceof Error &&
      /Connection terminated|not queryable|timeout expired|timeout exceeded when trying to connect|Query read timeout/.test(
        error.message,
      ))
  );
}

/** The error that a caller gets for a database that is away. */
export function unavailable(cause: unknown): MillraceError {
  return new MillraceError(
    "database_unavailable",
    "the database gave no answer, so nobody knows whether this was carried out; look before you repeat it, or repeat it with the same idempotency key",
    { cause },
  );
}
