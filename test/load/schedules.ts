/**
 * `npm run load:schedules -- --schedules 10000 --due 500 --seconds 30 --idle 100000`: how late occurrences are fired, when
 * so many schedules exist and so many of them are due in the same second, again and again; then what so many cost while
 * nothing is due. DATABASE_URL says where, as for all of test/load.
 */
import { setTimeout as pause } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import { type Database, JobRegistry, Scheduler, createLogger } from "millrace";
import { numbersAsked } from "../faults/harness/script.ts";
import { type BenchDatabase, openBenchDatabase, settleDown } from "./database.ts";

const job = defineJob({ name: "load", run: () => null });

async function main(): Promise<number> {
  const asked = numbersAsked({ schedules: 10_000, due: 500, seconds: 30, idle: 100_000 });
  const bench = await openBenchDatabase();
  try {
    await new JobRegistry([job]).register(bench.db);
    const late = await measureLateness(bench, asked);
    await measureIdle(bench, asked.idle);
    return late ? 1 : 0;
  } finally {
    await bench.drop();
  }
}

/** Each second another `due` of the schedules, in turns. @returns whether it took longer than is promised */
async function measureLateness(
  { db }: BenchDatabase,
  { schedules, due, seconds }: { schedules: number; due: number; seconds: number },
): Promise<boolean> {
  const groups = Math.ceil(schedules / due);
  await insertSchedules(db, schedules, groups * 1000, due);
  await settleDown(db);
  const scheduler = new Scheduler({ db, bell: { ring: () => {} }, logger: createLogger("warn") });
  await scheduler.start();
  await pause(seconds * 1000);
  await scheduler.stop();
  // The id of a run has the millisecond of its making; its transaction committed a little later.
  const { rows } = await db.query<{ n: number; p50: number; p99: number; max: number }>(
    `select count(*)::int as n,
       percentile_cont(0.5) within group (order by late) as p50, percentile_cont(0.99) within group (order by late) as p99,
       max(late) as max
     from (select extract(epoch from decided_at - at)::float8 * 1000 as late from millrace.occurrence where outcome = 'fired') o`,
  );
  const { n, p50, p99, max } = rows[0]!;
  const text = (ms: number) => `${Math.round(ms)} ms`;
  console.log(
    `${schedules} schedules, ${due} due each second, ${seconds} s: ${n} fired, late by p50 ${text(p50)}, p99 ${text(p99)}, at the most ${text(max)}`,
  );
  return p99 > 250;
}

/** What the server does for schedules that are not due: pages and time, by its own statistics. */
async function measureIdle({ db }: BenchDatabase, schedules: number): Promise<void> {
  await db.query("delete from millrace.schedule");
  await insertSchedules(db, schedules, 30 * 86_400_000, 1);
  await db.query(
    `update millrace.schedule set next_nominal = next_nominal + interval '1 day', next_at = next_at + interval '1 day'`,
  );
  await db.query("vacuum analyze millrace.schedule");
  await settleDown(db);
  const scheduler = new Scheduler({ db, bell: { ring: () => {} }, logger: createLogger("warn") });
  await scheduler.start();
  // A session that rests tells the statistics of what it did before within ten seconds.
  await pause(12_000);
  const before = await readPages(db);
  const seconds = 10;
  await pause(seconds * 1000);
  const pages = (await readPages(db)) - before;
  await scheduler.stop();
  console.log(
    `${schedules} schedules, none due: ${(pages / seconds).toFixed(1)} pages of schedule and its indexes read a second`,
  );
}

async function readPages(db: Database): Promise<number> {
  // What sessions have counted reaches the statistics within a second of their being idle.
  await pause(1500);
  const { rows } = await db.query<{ pages: number }>(
    `select (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::float8 as pages
     from pg_statio_user_tables where relname = 'schedule' and schemaname = 'millrace'`,
  );
  return rows[0]!.pages;
}

async function insertSchedules(db: Database, schedules: number, everyMs: number, due: number) {
  await db.query(
    `insert into millrace.schedule (name, job, rule, policy, input, created_by, next_nominal, next_at)
     select 's-' || n, 'load', jsonb_build_object('everyMs', $2::float8, 'timeZone', 'UTC', 'anchor',
         to_char(first at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
       '{"overlap": "skip", "missed": "last", "missedLimit": 100, "graceMs": 60000}', '{"some": "input"}', 'load', first, first
     from generate_series(0, $1::int - 1) n,
       lateral (select date_trunc('second', clock_timestamp()) + interval '3 seconds' + n / $3::int * interval '1 second') f(first)`,
    [schedules, everyMs, due],
  );
}

process.exitCode = await main();
