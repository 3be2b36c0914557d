import type { Queryable } from "../store/statement.ts";

/**
 * Time in Millrace is the database's, and every statement asks `clock_timestamp()` for it: sessions that find another function of that
 * name first live in another time. It stands where it was put, and goes on with PostgreSQL's.
 */
export const FAKE_CLOCK = `
  create schema millrace_clock;
  create table millrace_clock.clock (ahead interval not null);
  insert into millrace_clock.clock values ('0');
  create function millrace_clock.clock_timestamp() returns timestamptz language sql volatile
    as 'select pg_catalog.clock_timestamp() + ahead from millrace_clock.clock';`;

/** For sessions that are to live by the fake clock. */
export const ON_FAKE_CLOCK = "-c search_path=millrace_clock,pg_catalog";

/** Puts the clock on by so much. */
export async function putOn(db: Queryable, ms: number): Promise<void> {
  await db.query({
    text: "update millrace_clock.clock set ahead = ahead + $1::float8 * interval '1 millisecond'",
    values: [ms],
  });
}

/** What the clock shows. */
export async function clockOf(db: Queryable): Promise<Date> {
  const { rows } = await db.query<{ at: Date }>({ text: "select clock_timestamp() as at" });
  return rows[0]!.at;
}
