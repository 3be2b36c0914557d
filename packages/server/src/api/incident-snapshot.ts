import { MillraceError } from "@millrace/core";
import type { CreateIncident, IncidentRun, IncidentSnapshot, RunSummary } from "@millrace/core/api";
import { noGroup } from "../engine/errors/change-group.ts";
import type { Caller } from "../security/caller.ts";
import { runsOfSubjects } from "../store/incidents.ts";
import { readWatched } from "../store/live.ts";
import { type WorstErrorRow, readErrorWhole, readWorstErrors } from "../store/moments.ts";
import type { Queryable } from "../store/statement.ts";
import { barsOf } from "./overview-bars.ts";
import { SLOTS_KEPT_MS, SLOT_MS, readOverviewMinute } from "./overview-minute.ts";
import { readOutcomes } from "./overview.ts";
import { firstLine, ownMessage } from "./own-message.ts";
import { instant } from "./present/instant.ts";
import type { Context } from "./route.ts";
import { summaries } from "./run-summaries.ts";
import { count, search } from "./search-runs.ts";

const MOST_ERRORS = 10;
const MOST_JOBS_NAMED = 20;

/** So many runs are shown where nobody has chosen any. */
const RUNS_FOUND = 20;

const DAY_MS = 24 * 3_600_000;

/** What an incident is of. */
export interface AskedOfIncident {
  /** What is searched for; null for nothing. */
  readonly query: string | null;
  readonly from: Date;
  readonly to: Date;
}

/** What is asked, with what holds where nothing is said. */
export function askedOf({ query, errorGroup, from, to }: CreateIncident, now: Date) {
  const end = to === undefined ? now : new Date(to);
  return {
    query: query ?? (errorGroup === undefined ? null : `error:${errorGroup}`),
    from: from === undefined ? new Date(end.getTime() - DAY_MS) : new Date(from),
    to: end,
  };
}

/**
 * What is seen now of a stretch of time, to be kept. It is as the API gives it to the caller, without what runs work on; and of runs that are about somebody,
 * without what they said, for nobody looks here when that is erased.
 *
 * @param alertsKeptMs how long alerts are kept
 * @throws MillraceError `invalid_request` for a time that is none, `run_not_found`, `error_group_not_found`, `took_too_long`; QuerySyntaxError
 */
export async function takeSnapshot(
  context: Pick<Context, "db" | "subjects" | "searches" | "lists">,
  caller: Caller,
  { at, runs: ids, errorGroup }: CreateIncident,
  { query, from, to }: AskedOfIncident,
  now: Date,
  alertsKeptMs: number,
): Promise<IncidentSnapshot> {
  const { projects } = caller;
  const range = { since: from.toISOString(), until: to.toISOString() };
  const bars = barsOf(range, now);
  const seen = await context.lists.bounded(caller, context.db, async (tx) => {
    const isKept = now.getTime() - from.getTime() < SLOTS_KEPT_MS;
    const first = new Date(Math.floor(from.getTime() / SLOT_MS) * SLOT_MS);
    const [group] = errorGroup === undefined ? [] : await readErrorWhole(tx, errorGroup, projects);
    if (errorGroup !== undefined && !group) throw noGroup(errorGroup);
    return {
      ...(await readOutcomes(tx, bars, projects)),
      errors: isKept
        ? (await readWorstErrors(tx, first, to, projects, MOST_ERRORS)).map(presentError)
        : null,
      errorGroup: group ? presentError(group) : null,
      minute:
        at === undefined
          ? null
          : await readOverviewMinute(tx, undefined, new Date(at), projects, now, alertsKeptMs),
    };
  });
  const found = query === null ? null : await count(context, { q: query, ...range }, caller);
  const runs =
    ids === undefined
      ? query === null
        ? []
        : (await search(context, { q: query, ...range, limit: RUNS_FOUND }, caller)).runs
      : await chosen(context, ids, caller);
  return {
    ...seen,
    found,
    ticked: ids !== undefined,
    runs: await withoutSubjects(context.db, runs),
  };
}

/** The runs that somebody has ticked, the newest first: each must be there for them. */
async function chosen(
  context: Pick<Context, "db" | "subjects">,
  ids: readonly string[],
  { projects }: Caller,
): Promise<RunSummary[]> {
  const rows = (await readWatched(context.db, [...new Set(ids)])).filter(
    ({ project }) => projects === null || projects.includes(project ?? ""),
  );
  const missing = ids.find((id) => !rows.some((row) => row.id === id.toLowerCase()));
  if (missing !== undefined) {
    throw new MillraceError("run_not_found", `there is no run ${missing}`, { pointer: "/runs" });
  }
  return summaries(
    context,
    rows.sort((a, b) => (a.id < b.id ? 1 : -1)),
  );
}

async function withoutSubjects(db: Queryable, runs: readonly RunSummary[]): Promise<IncidentRun[]> {
  if (runs.length === 0) return [];
  const rows = await runsOfSubjects(
    db,
    runs.map(({ id }) => id),
  );
  const ofSubjects = new Set(rows.map(({ run_id }) => run_id));
  return runs.map((run) => presentRun(run, ofSubjects.has(run.id)));
}

function presentRun(run: RunSummary, isOfSubject: boolean): IncidentRun {
  const { id, job, queue, state, attempt, createdAt, startedAt, finishedAt, error, reason } = run;
  return {
    ...{ id, job, queue, state, attempt, createdAt, startedAt, finishedAt },
    errorClass: error?.class ?? null,
    message: error && !isOfSubject ? firstLine(error.message) : null,
    // What it waits for may name whom it is about.
    why: isOfSubject && state !== "failed" ? null : reason && firstLine(reason),
  };
}

function presentError(row: WorstErrorRow) {
  return {
    ...{ fingerprint: row.fingerprint, errorClass: row.error_class, count: row.runs },
    message: ownMessage(row),
    jobs: row.jobs.slice(0, MOST_JOBS_NAMED),
    ...{ firstSeen: instant(row.first_seen), lastSeen: instant(row.last_seen) },
  };
}
