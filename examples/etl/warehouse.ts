import { NonRetryableError } from "@millrace/sdk";
import pg from "pg";
import type { Total } from "./totals.ts";

/** What is published, and what runs have brought that is not. */
const SCHEMA = `
create table if not exists etl_daily_sale (
  day   date    not null,
  shop  text    not null,
  sku   text    not null,
  units integer not null,
  cents bigint  not null,
  primary key (day, shop, sku)
);
create table if not exists etl_staged_sale (
  run   uuid    not null,
  day   date    not null,
  shop  text    not null,
  sku   text    not null,
  units integer not null,
  cents bigint  not null,
  primary key (run, shop, sku)
);
create table if not exists etl_load (
  run     uuid    primary key,
  is_over boolean not null default false
)`;

/** Any number; two that create the tables at the same moment would get in each other's way. */
const SCHEMA_LOCK = 4_791;

/**
 * Puts what a shop has sold where nobody looks yet. Done again, it is the same; done by a worker that was taken for dead, when another one
 * has brought the load to its end, it is nothing.
 */
export function stage(
  run: string,
  day: string,
  shop: string,
  totals: readonly Total[],
): Promise<number> {
  return inTransaction(async (db) => {
    if (await isOver(db, run)) return totals.length;
    await db.query("delete from etl_staged_sale where run = $1 and shop = $2", [run, shop]);
    await db.query(
      `insert into etl_staged_sale (run, day, shop, sku, units, cents)
       select $1, $2, $3, t.* from jsonb_to_recordset($4) t(sku text, units integer, cents bigint)`,
      [run, day, shop, JSON.stringify(totals)],
    );
    return totals.length;
  });
}

/**
 * Publishes what a run has staged, all of it or nothing, and takes away what the day had before. A run that has published before, and whose
 * worker died before that was on record, does nothing.
 *
 * @returns what the day has in the warehouse: rows, and euros
 */
export function publish(run: string, day: string): Promise<{ rows: number; euros: number }> {
  return inTransaction(async (db) => {
    if (!(await isOver(db, run))) {
      await db.query(
        `delete from etl_daily_sale d where day = $2 and not exists (
           select from etl_staged_sale s where s.run = $1 and s.shop = d.shop and s.sku = d.sku)`,
        [run, day],
      );
      await db.query(
        `insert into etl_daily_sale select day, shop, sku, units, cents from etl_staged_sale where run = $1
         on conflict (day, shop, sku) do update set units = excluded.units, cents = excluded.cents`,
        [run],
      );
      await end(db, run);
    }
    const { rows } = await db.query<{ rows: number; euros: number }>(
      "select count(*)::int as rows, (sum(cents) / 100.0)::float8 as euros from etl_daily_sale where day = $1",
      [day],
    );
    return rows[0]!;
  });
}

/** Takes away what a run has staged, for good. @returns rows */
export function unstage(run: string): Promise<number> {
  return inTransaction(async (db) => ((await isOver(db, run)) ? 0 : end(db, run)));
}

/** Whether a load has come to its end. Until the transaction ends, nobody else looks or writes for it. */
async function isOver(db: pg.Client, run: string): Promise<boolean> {
  await db.query("insert into etl_load (run) values ($1) on conflict do nothing", [run]);
  const { rows } = await db.query<{ is_over: boolean }>(
    "select is_over from etl_load where run = $1 for update",
    [run],
  );
  return rows[0]!.is_over;
}

/** Takes away what a run has staged, and lets nobody stage for it any more. @returns rows */
async function end(db: pg.Client, run: string): Promise<number> {
  await db.query("update etl_load set is_over = true where run = $1", [run]);
  const { rowCount } = await db.query("delete from etl_staged_sale where run = $1", [run]);
  return rowCount ?? 0;
}

async function inTransaction<T>(work: (db: pg.Client) => Promise<T>): Promise<T> {
  const db = new pg.Client({ connectionString: address(), application_name: "millrace etl" });
  await db.connect();
  try {
    await createTables(db);
    await db.query("begin");
    const result = await work(db);
    await db.query("commit");
    return result;
  } finally {
    // What was not committed goes with the connection.
    await db.end();
  }
}

async function createTables(db: pg.Client): Promise<void> {
  const { rows } = await db.query<{ there: boolean }>(
    "select to_regclass('etl_load') is not null as there",
  );
  if (rows[0]!.there) return;
  await db.query("begin");
  await db.query("select pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
  await db.query(SCHEMA);
  await db.query("commit");
}

/** Holds a password: it is never shown. */
function address(): string {
  const url = process.env.ETL_DATABASE_URL ?? process.env.DATABASE_URL;
  if (url) return url;
  throw new NonRetryableError(
    "no database to load into: set ETL_DATABASE_URL to postgres://user:password@host:5432/database",
  );
}
