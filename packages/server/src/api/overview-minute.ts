import { MillraceError, type Projects } from "@millrace/core";
import { MAX_OF_A_MINUTE, type OverviewMinute } from "@millrace/core/api";
import { openRows } from "../engine/subjects/open-content.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { ownMessage } from "./own-message.ts";
import {
  readAlertsThen,
  readCallsThen,
  readEndsOfHour,
  readEndsOfMinute,
  readStandingThen,
  readWorkersLostThen,
  readWorstErrors,
} from "../store/moments.ts";
import { readDeploys } from "../store/overview.ts";
import type { Queryable } from "../store/statement.ts";
import { HOURS_KEPT_MS, MINUTES_KEPT_MS } from "./overview-bars.ts";
import { instant } from "./present/instant.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long each is kept (`store/outcomes.ts`, `store/prune.ts`); a little less, so that what is shown is whole. */
const STANDING_KEPT_MS = 115 * MINUTE_MS;
export const SLOTS_KEPT_MS = 8 * DAY_MS - HOUR_MS;
const LOST_KEPT_MS = 7 * DAY_MS - 2 * HOUR_MS;

export const SLOT_MS = 5 * MINUTE_MS;

/**
 * What is kept of the minute in which an instant is. Of what is kept no more, or was never seen, it says so, by null.
 *
 * @param subjects undefined leaves out what runs said that are about somebody
 * @param alertsKeptMs how long alerts are kept
 * @throws MillraceError `invalid_request` for a minute that is to come
 */
export async function readOverviewMinute(
  tx: Queryable,
  subjects: Subjects | undefined,
  at: Date,
  projects: Projects,
  now: Date,
  alertsKeptMs: number,
): Promise<OverviewMinute> {
  if (at > now) {
    throw new MillraceError("invalid_request", "at is yet to come: nothing is known of it", {
      pointer: "/at",
    });
  }
  const begin = beginOf(at, MINUTE_MS);
  const end = new Date(begin.getTime() + MINUTE_MS);
  const before = new Date(end.getTime() - HOUR_MS);
  const ageMs = now.getTime() - begin.getTime();
  const isKept = (keptMs: number) => ageMs < keptMs;
  const lost = isKept(LOST_KEPT_MS)
    ? await readWorkersLostThen(tx, before, end, projects, MAX_OF_A_MINUTE)
    : null;
  const alerts = isKept(alertsKeptMs)
    ? await readAlertsThen(tx, begin, end, projects, MAX_OF_A_MINUTE)
    : null;
  const deploys = await readDeploys(tx, before, end, projects, MAX_OF_A_MINUTE);
  return {
    at: instant(begin),
    ends: await endsOf(tx, begin, projects, ageMs),
    standing: isKept(STANDING_KEPT_MS) ? await standingOf(tx, begin, projects) : null,
    errors: isKept(SLOTS_KEPT_MS) ? await errorsOf(tx, subjects, begin, projects) : null,
    calls: isKept(STANDING_KEPT_MS)
      ? await readCallsThen(tx, begin, projects, MAX_OF_A_MINUTE)
      : null,
    alerts:
      alerts?.map(({ fired_at, resolved_at, ...alert }) => ({
        ...alert,
        firedAt: instant(fired_at),
        resolvedAt: instant(resolved_at),
      })) ?? null,
    workersLost:
      lost?.map(({ id, name, ended_at }) => ({ worker: id, name, lostAt: instant(ended_at) })) ??
      null,
    deploys: deploys.map(({ job, version, first_seen }) => ({
      ...{ job, version },
      at: instant(first_seen),
    })),
  };
}

async function endsOf(
  tx: Queryable,
  minute: Date,
  projects: Projects,
  ageMs: number,
): Promise<OverviewMinute["ends"]> {
  if (ageMs >= HOURS_KEPT_MS) return null;
  const byMinute = ageMs < MINUTES_KEPT_MS;
  const at = byMinute ? minute : beginOf(minute, HOUR_MS);
  const rows = await (byMinute ? readEndsOfMinute : readEndsOfHour)(tx, at, projects);
  const counts = { completed: 0, failed: 0, cancelled: 0, retried: 0, lost: 0 };
  for (const { outcome, ends } of rows) counts[outcome] = ends;
  return { seconds: byMinute ? 60 : 3600, at: instant(at), ...counts };
}

async function standingOf(
  tx: Queryable,
  minute: Date,
  projects: Projects,
): Promise<OverviewMinute["standing"]> {
  const rows = await readStandingThen(tx, minute, projects);
  if (rows.length === 0) return null;
  const queues = rows.flatMap(({ queue, waiting, running, oldest_seconds }) =>
    queue === null ? [] : [{ queue, waiting, running, oldestSeconds: oldest_seconds }],
  );
  const waited = queues.filter(({ waiting }) => waiting > 0);
  return {
    running: queues.reduce((sum, { running }) => sum + running, 0),
    waiting: waited.reduce((sum, { waiting }) => sum + waiting, 0),
    oldestWaitSeconds:
      waited.length === 0 ? null : Math.max(...waited.map(({ oldestSeconds }) => oldestSeconds)),
    queues: queues.slice(0, MAX_OF_A_MINUTE),
  };
}

async function errorsOf(
  tx: Queryable,
  subjects: Subjects | undefined,
  minute: Date,
  projects: Projects,
): Promise<OverviewMinute["errors"]> {
  const at = beginOf(minute, SLOT_MS);
  const to = new Date(at.getTime() + SLOT_MS);
  const rows = await readWorstErrors(tx, at, to, projects, MAX_OF_A_MINUTE);
  const told = subjects
    ? await openRows(subjects, rows)
    : rows.map((row) => ({ ...row, error_message: ownMessage(row) }));
  return {
    seconds: SLOT_MS / 1000,
    at: instant(at),
    groups: told.map((row) => ({
      ...{ fingerprint: row.fingerprint, errorClass: row.error_class },
      ...{ message: row.error_message ?? "", jobs: row.jobs, count: row.runs },
      firstSeen: instant(row.first_seen),
    })),
  };
}

/** The last instant not after this one at which a stretch of so many milliseconds begins. */
function beginOf(at: Date, ms: number): Date {
  return new Date(Math.floor(at.getTime() / ms) * ms);
}
