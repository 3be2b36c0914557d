import {
  MillraceError,
  isFinerThanMinutes,
  occurrencesOf,
  type Projects,
  type Rule,
  type SchedulePolicy,
} from "@millrace/core";
import { isDeepStrictEqual } from "node:util";
import type { Caller } from "../../security/caller.ts";
import type { Database, Transaction } from "../../store/database.ts";
import { recordOccurrences } from "../../store/occurrences.ts";
import { readClock } from "../../store/prune.ts";
import {
  changeSchedule,
  hasLivingCode,
  insertSchedule,
  lockSchedule,
  pauseSchedule,
  readSchedule,
  removeSchedule,
  resumeSchedule,
  type ScheduleDefinition,
  type ScheduleRow,
} from "../../store/schedules.ts";
import { ownedByOthers } from "../../store/projects.ts";
import { projectsOfJobs } from "../../store/scope.ts";
import type { Queryable } from "../../store/statement.ts";
import { asCaller } from "../as-caller.ts";
import { nameTaken } from "../project-to-be.ts";

/** What a schedule says, as it is given: checked, with its input as JSON text. */
export interface GivenSchedule {
  job: string;
  rule: Rule;
  policy: SchedulePolicy;
  /** JSON text. */
  input: string;
}

/** @throws MillraceError `forbidden`, also for a rule that is {@link requireCoarse too fine}; `schedule_exists`, `unknown_job`; `invalid_schedule` for a rule that is over */
export function createSchedule(
  db: Database | Transaction,
  caller: Caller,
  name: string,
  given: GivenSchedule,
): Promise<void> {
  return asCaller(db, caller, "edit", "own", async (tx) => {
    const { project } = await requireJob(tx, given.job, caller.projects);
    await requireFuture(tx, name, given.rule, caller);
    const [other] = await ownedByOthers(tx, project, [], [], [name]);
    if (other && caller.projects !== null) throw nameTaken(`schedule ${name}`);
    if (await insert(tx, name, given, null, caller.name)) return;
    throw new MillraceError(
      "schedule_exists",
      `there is a schedule ${name} already; change it, or give this one another name`,
    );
  });
}

/** @returns whether it was made: not when there is one of that name */
export async function insert(
  tx: Queryable,
  name: string,
  given: GivenSchedule,
  defined: ScheduleDefinition | null,
  by: string,
): Promise<boolean> {
  const [clock] = await readClock(tx);
  const first = occurrencesOf(given.rule, name)(clock!.now.getTime());
  const [row] = await insertSchedule(
    tx,
    name,
    given.job,
    JSON.stringify(given.rule),
    JSON.stringify(given.policy),
    given.input,
    defined && JSON.stringify(defined),
    by,
    first && new Date(first.nominal),
    first && new Date(first.at),
  );
  return row !== undefined;
}

/**
 * Changes what a schedule says; the rest stays. It holds instead of what code defines until {@link resetSchedule}.
 *
 * @throws MillraceError `forbidden`, `schedule_not_found`, `unknown_job`; `invalid_schedule` for a new rule that is over
 */
export function editSchedule(
  db: Database,
  caller: Caller,
  name: string,
  edit: (row: ScheduleRow) => GivenSchedule,
): Promise<void> {
  return asCaller(db, caller, "edit", { schedule: name }, async (tx) => {
    const row = await lockedSchedule(tx, name);
    const given = edit(row);
    const { project } = await requireJob(tx, given.job, caller.projects);
    if (given.job !== row.job) await requireSameProject(tx, row.job, project);
    if (!isDeepStrictEqual(row.rule, plain(given.rule))) {
      await requireFuture(tx, name, given.rule, caller);
    }
    const asDefined = row.defined !== null && isSame(row.defined, given);
    await change(tx, row, given, row.defined, asDefined ? null : caller.name);
  });
}

/**
 * Gives a schedule back what code defines.
 *
 * @throws MillraceError `forbidden`, `schedule_not_found`, `unknown_job`; `invalid_request` for one that no code defines
 */
export function resetSchedule(db: Database, caller: Caller, name: string): Promise<void> {
  return asCaller(db, caller, "edit", { schedule: name }, async (tx) => {
    const row = await lockedSchedule(tx, name);
    if (!row.defined) {
      throw new MillraceError("invalid_request", `no code defines schedule ${name}`);
    }
    const { job, rule, policy, input } = row.defined;
    if (job !== row.job) {
      // The one that code names may have come to another project since.
      const { project } = await requireJob(tx, job, caller.projects);
      await requireSameProject(tx, row.job, project);
    }
    await change(tx, row, { job, rule, policy, input: JSON.stringify(input) }, row.defined, null);
  });
}

/**
 * Writes what a schedule says from now on. A new rule begins now; what the old one had due, and nobody has fired yet, is
 * skipped on record.
 *
 * @param row locked
 */
export async function change(
  tx: Queryable,
  row: ScheduleRow,
  given: GivenSchedule,
  defined: ScheduleDefinition | null,
  changedBy: string | null,
): Promise<void> {
  const { name, now } = row;
  const sameRule = row.problem === null && isDeepStrictEqual(row.rule, plain(given.rule));
  const first = sameRule ? null : occurrencesOf(given.rule, name)(now.getTime());
  if (!sameRule) await skipWhatWasDue(tx, row);
  await changeSchedule(
    tx,
    name,
    given.job,
    JSON.stringify(given.rule),
    JSON.stringify(given.policy),
    given.input,
    defined && JSON.stringify(defined),
    changedBy,
    sameRule ? row.next_nominal : first && new Date(first.nominal),
    sameRule ? row.next_at : first && new Date(first.at),
  );
}

async function skipWhatWasDue(tx: Queryable, { name, next_nominal, next_at, now }: ScheduleRow) {
  if (!next_nominal || !next_at || next_at > now) return;
  const item = {
    schedule: name,
    nominal: next_nominal.toISOString(),
    at: next_at.toISOString(),
    outcome: "skipped",
    reason: "the rule was changed before it was fired",
    missed: false,
    open: false,
  };
  await recordOccurrences(tx, JSON.stringify([item]));
}

/**
 * What is due is skipped, with the reason on record, until then or until it is resumed. Pausing again keeps the first instant.
 *
 * @param until when it resumes by itself, or
 * @param forMs after how many milliseconds by the database's clock; null both for never
 * @throws MillraceError `forbidden`, `schedule_not_found`
 */
export function pauseOne(
  db: Database,
  caller: Caller,
  name: string,
  reason: string | null,
  until: Date | null,
  forMs: number | null,
): Promise<void> {
  return asCaller(db, caller, "operate", { schedule: name }, async (tx) => {
    const [row] = await pauseSchedule(tx, name, caller.name, reason, until, forMs);
    if (!row) throw notFound(name);
  });
}

/** @throws MillraceError `forbidden`, `schedule_not_found` */
export function resumeOne(db: Database, caller: Caller, name: string): Promise<void> {
  return asCaller(db, caller, "operate", { schedule: name }, async (tx) => {
    const [row] = await resumeSchedule(tx, name);
    if (!row?.resumed) throw notFound(name);
  });
}

/**
 * Removes a schedule; its ledger and its runs stay.
 *
 * @param look at what is about to be removed, locked; may throw
 * @throws MillraceError `forbidden`, `schedule_not_found`; `schedule_in_code` for one that would be back at the next start
 */
export function removeOne(
  db: Database,
  caller: Caller,
  name: string,
  look?: (row: ScheduleRow) => void,
): Promise<void> {
  return asCaller(db, caller, "edit", { schedule: name }, async (tx) => {
    const row = await lockedSchedule(tx, name);
    look?.(row);
    const [code] = row.defined ? await hasLivingCode(tx, row.job) : [];
    if (code?.living) {
      throw new MillraceError(
        "schedule_in_code",
        `code that is running defines schedule ${name}, and the next start would bring it back; pause it, or take it out of the code`,
      );
    }
    await removeSchedule(tx, name);
  });
}

/** @throws MillraceError `schedule_not_found` */
export async function lockedSchedule(tx: Queryable, name: string): Promise<ScheduleRow> {
  const [row] = await lockSchedule(tx, name);
  if (row) return row;
  throw notFound(name);
}

/** @throws MillraceError `schedule_not_found` */
export async function requireSchedule(db: Queryable, name: string): Promise<ScheduleRow> {
  const [row] = await readSchedule(db, name);
  if (row) return row;
  throw notFound(name);
}

export function isSame(defined: ScheduleDefinition, given: GivenSchedule): boolean {
  const { job, rule, policy, input } = given;
  return isDeepStrictEqual(
    plain(defined),
    plain({ job, rule, policy, input: JSON.parse(input) as unknown }),
  );
}

/** As it comes back from the database. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

/** @param projects those of which it must be */
async function requireJob(
  tx: Queryable,
  name: string,
  projects: Projects,
): Promise<{ project: string }> {
  const [job] = await projectsOfJobs(tx, [name], projects);
  if (job) return job;
  throw new MillraceError("unknown_job", `no job named ${JSON.stringify(name)} is registered`);
}

/** A schedule belongs to the project of its job, so it cannot go to that of another. */
async function requireSameProject(tx: Queryable, job: string, project: string): Promise<void> {
  const [old] = await projectsOfJobs(tx, [job], null);
  if (!old || old.project === project) return;
  throw new MillraceError(
    "invalid_request",
    `the schedule belongs to project ${old.project}, as its job ${job} does; make another for a job of project ${project}`,
    { pointer: "/job" },
  );
}

/** Somebody who makes a schedule that never fires has made a mistake; code may have one that is over. */
async function requireFuture(
  tx: Queryable,
  name: string,
  rule: Rule,
  caller: Caller,
): Promise<void> {
  const [clock] = await readClock(tx);
  const now = clock!.now.getTime();
  requireCoarse(caller, name, rule, now);
  if (occurrencesOf(rule, name)(now)) return;
  throw new MillraceError(
    "invalid_schedule",
    `the rule of schedule ${name} names no instant from now on; look at its at, start and end`,
  );
}

/** What fires by the second makes 86,400 runs a day, by one request: that is for code, and for those who may do everything. */
function requireCoarse({ role }: Caller, name: string, rule: Rule, now: number): void {
  if (role === "admin" || !isFinerThanMinutes(rule, now)) return;
  throw new MillraceError(
    "forbidden",
    `the rule of schedule ${name} names instants less than a minute apart, which takes the role admin, or code that defines the schedule; leave a minute between them`,
  );
}

function notFound(name: string): MillraceError {
  return new MillraceError("schedule_not_found", `there is no schedule ${JSON.stringify(name)}`);
}
