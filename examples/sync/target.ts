import { NonRetryableError } from "@millrace/sdk";
import pg from "pg";
import { type Customer, type Page, isRemoved } from "./fetch-page.ts";

/** The table that is kept equal to the source, and where each synchronisation stands. */
const SCHEMA = `
create table if not exists synced_customer (
  sync       text        not null,
  id         bigint      not null,
  name       text        not null,
  email      text        not null,
  country    text        not null,
  updated_at timestamptz not null,
  primary key (sync, id)
);
create table if not exists sync_checkpoint (
  sync       text        primary key,
  source     text        not null,
  cursor     text,
  updated_at timestamptz not null default now()
)`;

/** Any number; two runs that create the tables at the same moment would get in each other's way. */
const SCHEMA_LOCK = 4_790;

/** One statement for each page: as fast for 500 rows as for one, and either all of them are there or none. */
const UPSERT = `
insert into synced_customer (sync, id, name, email, country, updated_at)
select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
on conflict (sync, id) do update
set name = excluded.name, email = excluded.email, country = excluded.country, updated_at = excluded.updated_at`;

const REMOVE = `delete from synced_customer where sync = $1 and id = any($2::bigint[])`;

/** The fence: whoever read an older cursor changes nothing. */
const ADVANCE = `
update sync_checkpoint set cursor = $3, updated_at = now()
where sync = $1 and cursor is not distinct from $2`;

/**
 * Connects to the database that the operator named, `SYNC_DATABASE_URL` or else `DATABASE_URL`, and has the tables ready.
 * The address holds a password: it comes from the environment alone, and no message shows it.
 */
export async function openTarget(): Promise<pg.Client> {
  const url = process.env.SYNC_DATABASE_URL || process.env.DATABASE_URL;
  if (!url) {
    throw new NonRetryableError(
      "where to? Set SYNC_DATABASE_URL (or DATABASE_URL) to the PostgreSQL database that the customers go to, such as postgres://user:password@host:5432/name",
    );
  }
  const client = newClient(url);
  // A connection that breaks between two statements is told to the next one; without a listener it ends the process.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
    await client.query(SCHEMA);
    await client.query("commit");
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

function newClient(url: string): pg.Client {
  try {
    return new pg.Client({
      connectionString: url,
      application_name: "millrace example sync",
      connectionTimeoutMillis: 10_000,
      statement_timeout: 30_000,
      query_timeout: 35_000,
    });
  } catch {
    // The parser's own error shows the address.
    throw new NonRetryableError(
      "SYNC_DATABASE_URL (or DATABASE_URL) is not the address of a database",
    );
  }
}

/**
 * Where a synchronisation stands; a new one begins here.
 *
 * @throws NonRetryableError when the name is taken by another source, whose cursors mean nothing here
 */
export async function readCursor(
  client: pg.Client,
  sync: string,
  source: string,
): Promise<string | undefined> {
  await client.query(
    "insert into sync_checkpoint (sync, source) values ($1, $2) on conflict (sync) do nothing",
    [sync, source],
  );
  const { rows } = await client.query<{ source: string; cursor: string | null }>(
    "select source, cursor from sync_checkpoint where sync = $1",
    [sync],
  );
  const row = rows[0]!;
  if (row.source === source) return row.cursor ?? undefined;
  throw new NonRetryableError(
    `name: ${JSON.stringify(sync)} belongs to the source ${row.source}; give this one another name, or delete that row of sync_checkpoint`,
  );
}

/**
 * Writes a page and the cursor behind it in one transaction, so that a crash leaves both or neither.
 *
 * @returns false, with nothing written, when another run has moved on from `before` meanwhile
 */
export async function writePage(
  client: pg.Client,
  sync: string,
  before: string | undefined,
  page: Page,
): Promise<boolean> {
  // The last of several changes to one customer counts; a statement must not touch a row twice.
  const latest = new Map(page.customers.map((each) => [each.id, each]));
  const kept = [...latest.values()].filter((each): each is Customer => !isRemoved(each));
  const gone = [...latest.values()].filter(isRemoved).map(({ id }) => id);
  await client.query("begin");
  try {
    const { rowCount } = await client.query(ADVANCE, [sync, before ?? null, page.cursor]);
    if (rowCount === 1) {
      await client.query(UPSERT, [
        sync,
        kept.map(({ id }) => id),
        kept.map(({ name }) => name),
        kept.map(({ email }) => email),
        kept.map(({ country }) => country),
        kept.map(({ updatedAt }) => updatedAt),
      ]);
      await client.query(REMOVE, [sync, gone]);
    }
    await client.query("commit");
    return rowCount === 1;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  }
}
