import type { Projects } from "@millrace/core";
import type { Attention, Overview, ReadOverview } from "@millrace/core/api";
import { openRows } from "../engine/subjects/open-content.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { type Database, bounded } from "../store/database.ts";
import {
  countErrorsSince,
  listErrorGroups,
  readErrorSparks,
  readErrorVersions,
} from "../store/error-groups.ts";
import { type StandingOfQueueRow, readStandingOfQueues } from "../store/live.ts";
import {
  readDeploys,
  readForPeople,
  readHours,
  readLateSchedules,
  readLostWorkers,
  readMinutes,
  readQueueTrends,
  readSamples,
} from "../store/overview.ts";
import type { Queryable } from "../store/statement.ts";
import { type Bars, barsOf, firstBar } from "./overview-bars.ts";
import { instant } from "./present/instant.ts";

const MINUTE_MS = 60_000;

const SPARK_MINUTES = 60;
const SLOT_MS = 5 * MINUTE_MS;
const MOST_ERRORS = 8;
const MOST_OF_A_KIND = 5;
const MOST_ATTENTION = 20;
const MOST_DEPLOYS = 100;

/** Who waits longer than this in a queue waits too long. */
const LONG_WAIT_SECONDS = 300;

/**
 * What stands now, what came of a range of time, and what needs somebody. Nothing of it is read from the history: see `store/outcomes.ts`.
 *
 * @throws MillraceError `invalid_request`
 */
export async function readOverview(
  db: Database,
  subjects: Subjects,
  asked: ReadOverview,
  projects: Projects,
  now: Date,
): Promise<Overview> {
  const shown = barsOf(asked, now);
  const sparkFrom = firstBar(now, SPARK_MINUTES, 60);
  return bounded(db, async (tx) => {
    const standing = (await readStandingOfQueues(tx)).filter(
      (row) => projects === null || projects.includes(row.project ?? ""),
    );
    const minutes = await readMinutes(tx, sparkFrom, 60, projects);
    const outcomes = await readOutcomes(tx, shown, projects);
    const samples = await readSamples(tx, sparkFrom, projects);
    const [errors, queues, others] = [
      await errorsOf(tx, subjects, projects, shown.from, now),
      await queuesOf(tx, projects, standing, now),
      await othersOf(tx, projects),
    ];
    const sparkAt = series(sparkFrom, SPARK_MINUTES, 60);
    const failed = filled(sparkAt, minutes, ({ outcome, runs }) =>
      outcome === "failed" ? runs : 0,
    );
    return {
      at: now.toISOString(),
      range: shown.range,
      attention: [...errors, ...queues, ...others].slice(0, MOST_ATTENTION),
      numbers: {
        running: sum(standing.map((row) => row.running)),
        waiting: sum(standing.map((row) => row.ready + row.held)),
        failedPerMinute: sum(failed.slice(-5)) / 5,
        oldestWaitSeconds: oldestOf(standing, now),
      },
      sparks: {
        at: sparkAt,
        running: filled(sparkAt, samples, (row) => row.running),
        waiting: filled(sparkAt, samples, (row) => row.waiting),
        failed,
        oldestWaitSeconds: filled(sparkAt, samples, (row) => row.oldest_seconds),
      },
      ...outcomes,
    };
  });
}

/** How runs ended by the bars of a range, and which code was first seen in it. */
export async function readOutcomes(
  tx: Queryable,
  { from, count, seconds, source, keptSince }: Bars,
  projects: Projects,
): Promise<Pick<Overview, "bars" | "deploys">> {
  const end = new Date(from.getTime() + count * seconds * 1000);
  const rows = await (source === "hours" ? readHours : readMinutes)(tx, from, seconds, projects);
  const deploys = await readDeploys(tx, from, end, projects, MOST_DEPLOYS);
  const at = series(from, count, seconds);
  const ended = (outcome: "completed" | "failed" | "cancelled") =>
    filled(at, rows, (row) => (row.outcome === outcome ? row.runs : 0));
  return {
    bars: {
      ...{ seconds, at, keptSince: instant(keptSince) },
      ...{ completed: ended("completed"), failed: ended("failed"), cancelled: ended("cancelled") },
    },
    deploys: deploys.map(({ job, version, first_seen }) => ({
      ...{ job, version },
      at: instant(first_seen),
    })),
  };
}

async function errorsOf(
  tx: Queryable,
  subjects: Subjects,
  projects: Projects,
  from: Date,
  now: Date,
): Promise<Attention[]> {
  const rows = await listErrorGroups(
    tx,
    "open",
    null,
    from,
    "rate",
    MOST_ERRORS,
    null,
    null,
    projects,
  );
  if (rows.length === 0) return [];
  const fingerprints = rows.map(({ fingerprint }) => fingerprint);
  const sparks = await readErrorSparks(tx, fingerprints, projects);
  const counts = await countErrorsSince(tx, fingerprints, from, projects);
  const versions = await readErrorVersions(tx, fingerprints, projects);
  const newest = Math.floor(now.getTime() / SLOT_MS) * SLOT_MS;
  const slots = Array.from({ length: 12 }, (_, n) => newest - (11 - n) * SLOT_MS);
  return (await openRows(subjects, rows)).map((row): Attention => {
    const own = <Row extends { fingerprint: string }>(all: Row[]) =>
      all.filter(({ fingerprint }) => fingerprint === row.fingerprint);
    return {
      ...{ kind: "errors", fingerprint: row.fingerprint, errorClass: row.error_class },
      ...{ message: row.error_message ?? "", jobs: row.jobs, sampleRun: row.last_run },
      inRange: own(counts)[0]?.runs ?? 0,
      perMinute: row.last_hour / 60,
      before: row.day_before / (24 * 60),
      ...{ firstSeen: instant(row.first_seen), lastSeen: instant(row.last_seen) },
      version: own(versions)[0]?.version || null,
      spark: slots.map((at) =>
        sum(own(sparks).flatMap((each) => (each.at.getTime() === at ? each.runs : []))),
      ),
    };
  });
}

async function queuesOf(
  tx: Queryable,
  projects: Projects,
  standing: readonly StandingOfQueueRow[],
  now: Date,
): Promise<Attention[]> {
  const found: Extract<Attention, { kind: "queue" }>[] = [];
  for (const trend of await readQueueTrends(tx, projects)) {
    const rows = standing.filter(({ queue }) => queue === trend.name);
    const waiting = sum(rows.map((row) => row.ready + row.held));
    if (waiting === 0) continue;
    const oldestSeconds = oldestOf(rows, now) ?? 0;
    const growing = trend.before === null ? null : (waiting - trend.before) / 10;
    const stuck = trend.paused_at !== null || trend.workers === 0;
    if (!stuck && oldestSeconds < LONG_WAIT_SECONDS) continue;
    found.push({
      ...{ kind: "queue", queue: trend.name, waiting, oldestSeconds, workers: trend.workers },
      growingPerMinute: growing,
      paused: trend.paused_at && {
        ...{ by: trend.paused_by, reason: trend.pause_reason, since: instant(trend.paused_at) },
        until: instant(trend.paused_until),
      },
    });
  }
  return found.sort((a, b) => b.oldestSeconds - a.oldestSeconds).slice(0, MOST_OF_A_KIND);
}

async function othersOf(tx: Queryable, projects: Projects): Promise<Attention[]> {
  const late = await readLateSchedules(tx, projects, MOST_OF_A_KIND);
  const lost = await readLostWorkers(tx, projects, MOST_OF_A_KIND);
  const people = await readForPeople(tx, projects);
  return [
    ...late.map(({ name, job, next_at, late_seconds }): Attention => ({
      ...{
        kind: "schedule",
        schedule: name,
        job,
        dueAt: instant(next_at),
        lateSeconds: late_seconds,
      },
    })),
    ...lost.map(({ id, name, ended_at }): Attention => ({
      ...{ kind: "worker", worker: id, name, lostAt: instant(ended_at) },
    })),
    ...people.flatMap(({ kind, count, oldest }): Attention[] =>
      oldest ? [{ kind, count, oldestSince: instant(oldest) }] : [],
    ),
  ];
}

function series(from: Date, count: number, seconds: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    new Date(from.getTime() + n * seconds * 1000).toISOString(),
  );
}

/** What each place of a series has of rows; 0 where there is none. */
function filled<Row extends { at: Date }>(
  places: readonly string[],
  rows: readonly Row[],
  value: (row: Row) => number,
): number[] {
  const values = new Map<string, number>();
  for (const row of rows) {
    const at = row.at.toISOString();
    values.set(at, (values.get(at) ?? 0) + value(row));
  }
  return places.map((at) => values.get(at) ?? 0);
}

function oldestOf(rows: readonly StandingOfQueueRow[], now: Date): number | null {
  const since = rows.flatMap((row) => (row.since ? row.since.getTime() : []));
  return since.length === 0 ? null : Math.max(0, (now.getTime() - Math.min(...since)) / 1000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
