import { join } from "node:path";
import { type Database, JobRegistry, createSchedule, fireDue, openDatabase } from "millrace";
import { defineJob, defineSchedule } from "@millrace/sdk";
import type { Failpoint } from "../../../packages/server/src/runtime/failpoints.ts";
import { Child } from "../../support/child-process.ts";
import { until } from "../../support/until.ts";
import { by } from "../../support/caller.ts";

const PROCESS = join(import.meta.dirname, "scheduler-process.mjs");

/** Between every two statements of firing, in their order. */
const POINTS = [
  "schedule.before",
  "schedule.after_take",
  "schedule.before_enqueue",
  "schedule.after_enqueue",
  "schedule.before_ledger",
  "schedule.before_cancel",
  "schedule.before_move",
  "schedule.before_commit",
  "schedule.after_commit",
] as const satisfies Failpoint[];

const SCHEDULERS = 3;
const START = "2027-03-28T00:59:30Z";

/** The database's clock runs so many times as fast as the real one. */
const PACE = 5;

export interface Gauntlet {
  url: string;
  /** Planned instants to try, at the least. */
  occurrences: number;
  random: () => number;
}

export interface GauntletReport {
  occurrences: number;
  kills: number;
  jumps: number;
  faults: string[];
}

const job = defineJob({ name: "tick", run: () => null });

/**
 * Three schedulers over the same schedules, each killed at one of the points and replaced, while the database's clock, which
 * decides, jumps ahead and back, and their own clocks are wrong. At the end each planned instant must be in the ledger, once, with
 * one run of its own.
 */
export async function runGauntlet({ url, occurrences, random }: Gauntlet): Promise<GauntletReport> {
  const schedules = Math.max(5, Math.min(20, Math.ceil(occurrences / 60)));
  const db = openDatabase({
    connection: () => ({ connectionString: url, options: "-c search_path=fake,pg_catalog" }),
    applicationName: "millrace controller",
  });
  const living = new Set<Child>();
  try {
    await prepare(db, schedules);
    let kills = 0;
    let jumps = 0;
    let latest = 0;
    let starts = 0;
    const keepAlive = async () => {
      while (living.size < SCHEDULERS) {
        const child = await startScheduler(url, POINTS[starts++ % POINTS.length]!, random);
        living.add(child);
        void child.exited.then(({ signal }) => {
          living.delete(child);
          if (signal === "SIGKILL") kills++;
        });
      }
    };
    await until(
      `${occurrences} occurrences and a kill at each point`,
      async () => {
        await keepAlive();
        latest = Math.max(latest, await readClock(db));
        if (random() < 0.1) {
          // Ahead by more than back, so that time goes on.
          await jump(db, random() < 0.5 ? 10 : -8);
          jumps++;
        }
        return kills >= POINTS.length * 2 && (await countOccurrences(db)) >= occurrences;
      },
      { deadlineMs: 15 * 60_000 },
    );
    for (const child of living) child.kill("SIGKILL");
    await until("all schedulers have ended", () => living.size === 0);
    // On a busy machine the server learns of it later, and until then their locks hide what is due.
    await until("their sessions have ended", async () => (await countSessions(db)) === 0);
    latest = Math.max(latest, await readClock(db));
    await stopClock(db, latest);
    while ((await fireDue(db)).schedules > 0);
    return { ...(await check(db, schedules, latest)), kills, jumps };
  } finally {
    for (const child of living) child.kill("SIGKILL");
    await db.end();
  }
}

async function prepare(db: Database, schedules: number): Promise<void> {
  await db.query(`create schema fake`);
  await db.query(
    `create table fake.clock (base timestamptz not null, since timestamptz not null, pace float8 not null)`,
  );
  await db.query(`insert into fake.clock values ($1, pg_catalog.clock_timestamp(), 0)`, [START]);
  await db.query(`
    create function fake.clock_timestamp() returns timestamptz language sql volatile
    as 'select base + (pg_catalog.clock_timestamp() - since) * pace from fake.clock'`);
  await new JobRegistry([job]).register(db);
  for (let n = 0; n < schedules; n++) {
    const { rule, policy } = defineSchedule(job, {
      name: `s-${n}`,
      // Some by seconds of cron across the hour that Lisbon skips, the others by absolute time.
      ...(n % 2 === 0
        ? { cron: "* * * * * *", timeZone: "Europe/Lisbon" }
        : { every: "1s", jitter: "300ms" }),
      overlap: "allow",
      missed: "all",
      missedLimit: 1000,
    });
    const given = { job: job.name, rule, policy, input: "{}" };
    await createSchedule(db, by("test"), `s-${n}`, given);
  }
  await db.query(`update fake.clock set since = pg_catalog.clock_timestamp(), pace = $1`, [PACE]);
}

function startScheduler(url: string, point: Failpoint, random: () => number): Promise<Child> {
  return Child.start(process.execPath, [PROCESS], {
    env: {
      DATABASE_URL: url,
      KILL_AT: point,
      KILL_PASS: String(Math.floor(random() * 8)),
      SKEW_MS: String(Math.floor(random() * 7_200_000) - 3_600_000),
    },
  });
}

async function readClock(db: Database): Promise<number> {
  const { rows } = await db.query<{ at: Date }>("select fake.clock_timestamp() as at");
  return rows[0]!.at.getTime();
}

async function jump(db: Database, seconds: number): Promise<void> {
  await db.query(`update fake.clock set base = base + $1::float8 * interval '1 second'`, [seconds]);
}

async function stopClock(db: Database, at: number): Promise<void> {
  await db.query(`update fake.clock set base = $1, pace = 0`, [new Date(at + 1000)]);
}

/** Of others than ourselves. */
async function countSessions(db: Database): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and application_name <> current_setting('application_name')`,
  );
  return rows[0]!.n;
}

async function countOccurrences(db: Database): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    "select count(*)::int as n from millrace.occurrence",
  );
  return rows[0]!.n;
}

/** Of each schedule, every second from its beginning to the end of the ledger, one run each, and no run besides. */
async function check(db: Database, schedules: number, latest: number) {
  const faults: string[] = [];
  const { rows } = await db.query<{
    schedule: string;
    nominal: Date;
    run_id: string | null;
    outcome: string;
  }>(
    "select schedule, nominal, run_id, outcome::text from millrace.occurrence order by schedule, nominal",
  );
  const runs = await db.query<{ id: string; schedule: string; scheduled_for: Date }>(
    "select id, schedule, scheduled_for from millrace.run",
  );
  const runOf = new Map(
    runs.rows.map((run) => [run.id, `${run.schedule} ${run.scheduled_for.getTime()}`]),
  );
  const first = Math.floor(Date.parse(START) / 1000) * 1000 + 1000;
  for (let n = 0; n < schedules; n++) {
    const name = `s-${n}`;
    const instants = new Set(
      rows.filter(({ schedule }) => schedule === name).map(({ nominal }) => nominal.getTime()),
    );
    // With jitter the last may fire a little later than the clock stands.
    for (let at = first; at <= latest; at += 1000) {
      if (!instants.has(at)) faults.push(`${name} missed ${new Date(at).toISOString()}`);
    }
  }
  for (const { schedule, nominal, run_id, outcome } of rows) {
    const what = `${schedule} ${nominal.getTime()}`;
    if (run_id === null) faults.push(`${what} is ${outcome} without a run`);
    else if (runOf.get(run_id) !== what)
      faults.push(`${what} has run ${run_id} of ${runOf.get(run_id)}`);
  }
  if (runs.rows.length !== rows.length) {
    faults.push(`${rows.length} occurrences have ${runs.rows.length} runs`);
  }
  return { occurrences: rows.length, faults };
}
