import type { Projects, Rule, SchedulePolicy } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { statement } from "./statement.ts";

/** What a schedule says: what code defines, or somebody has set instead. */
export interface ScheduleDefinition {
  job: string;
  rule: Rule;
  policy: SchedulePolicy;
  input: unknown;
}

export interface ScheduleRow {
  name: string;
  job: string;
  rule: Rule;
  policy: SchedulePolicy;
  /** JSON text. */
  input: string;
  defined: ScheduleDefinition | null;
  changed_by: string | null;
  created_by: string;
  created_at: Date;
  changed_at: Date;
  /** The last pause, also one that is over. */
  paused_at: Date | null;
  paused_by: string | null;
  pause_reason: string | null;
  paused_until: Date | null;
  next_nominal: Date | null;
  next_at: Date | null;
  problem: string | null;
  /** Occurrences that wait until a run of it has ended. */
  waiting: number;
  /** The database's clock. */
  now: Date;
}

const COLUMNS = `s.name, s.job, s.rule, s.policy, s.input::text as input, s.defined, s.changed_by, s.created_by, s.created_at,
    s.changed_at, s.paused_at, s.paused_by, s.pause_reason, s.paused_until, s.next_nominal, s.next_at, s.problem, s.waiting,
    clock_timestamp() as now`;

/**
 * Locks the schedules that are due and that no other scheduler works on, the longest due first. `schedule_due` has their
 * order; the clock is asked in a sub-select, once, because a volatile function bounds no scan of an index.
 */
export const takeDueSchedules = statement<[limit: number], ScheduleRow>(
  "take_due_schedules",
  `select ${COLUMNS} from millrace.schedule s
   where s.next_at <= (select clock_timestamp()) order by s.next_at limit $1 for update skip locked`,
);

/** Locks schedules of which occurrences wait for a run to end, but for those that are paused. */
export const takeWaitingSchedules = statement<[limit: number, above: string], ScheduleRow>(
  "take_waiting_schedules",
  `select ${COLUMNS} from millrace.schedule s
   where s.waiting > 0 and s.name > $2
     and (s.paused_at is null or s.paused_until <= clock_timestamp()) order by s.name limit $1 for update skip locked`,
);

/** How long until the next schedule is due, in milliseconds by the database's clock; no row when there is none. */
export const nextSchedule = statement<[], { in_ms: number }>(
  "next_schedule",
  `select greatest(0, extract(epoch from next_at - clock_timestamp()) * 1000)::float8 as in_ms
   from millrace.schedule where next_at is not null order by next_at limit 1`,
);

/** Whether any occurrence waits for a run to end, and whether any run was to start by now. */
export const scheduleChores = statement<[], { waits: boolean; starts: boolean }>(
  "schedule_chores",
  `select exists (select from millrace.schedule where waiting > 0) as waits,
     exists (select from millrace.occurrence where start_by <= (select clock_timestamp())) as starts`,
);

/** What firing leaves of schedules. Parameter: a JSON list; instants are ISO 8601, or null. */
export const moveSchedules = statement<[moved: string], never>(
  "move_schedules",
  `update millrace.schedule s
   set next_nominal = m.next_nominal, next_at = m.next_at, waiting = m.waiting, problem = m.problem
   from jsonb_to_recordset($1::jsonb) as m(name text, next_nominal timestamptz, next_at timestamptz, waiting integer, problem text)
   where s.name = m.name`,
);

/** Locks a schedule. */
export const lockSchedule = statement<[name: string], ScheduleRow>(
  "lock_schedule",
  `select ${COLUMNS} from millrace.schedule s where s.name = $1 for update`,
);

export const readSchedule = statement<[name: string], ScheduleRow>(
  "read_schedule",
  `select ${COLUMNS} from millrace.schedule s where s.name = $1`,
);

/** In the order of their names. Parameters: name to start after; how many; job or null; of which projects, null for all. */
export const listSchedules = statement<
  [after: string, limit: number, job: string | null, projects: Projects],
  ScheduleRow
>(
  "list_schedules",
  `select ${COLUMNS} from millrace.schedule s
   where s.name > $1 and ($3::text is null or s.job = $3) and ${jobWithin("s.job", "$4")} order by s.name limit $2`,
);

/** Answers no row when there is one of that name. */
export const insertSchedule = statement<
  [
    name: string,
    job: string,
    rule: string,
    policy: string,
    input: string,
    defined: string | null,
    by: string,
    nextNominal: Date | null,
    nextAt: Date | null,
  ],
  { name: string }
>(
  "insert_schedule",
  `insert into millrace.schedule (name, job, rule, policy, input, defined, created_by, next_nominal, next_at)
   values ($1, $2, $3::jsonb, $4::jsonb, $5::jsonb, $6::jsonb, $7, $8, $9)
   on conflict (name) do nothing returning name`,
);

/** What a schedule says from now on; it is locked. */
export const changeSchedule = statement<
  [
    name: string,
    job: string,
    rule: string,
    policy: string,
    input: string,
    defined: string | null,
    changedBy: string | null,
    nextNominal: Date | null,
    nextAt: Date | null,
  ],
  never
>(
  "change_schedule",
  `update millrace.schedule
   set job = $2, rule = $3::jsonb, policy = $4::jsonb, input = $5::jsonb, defined = $6::jsonb, changed_by = $7,
     next_nominal = $8, next_at = $9, problem = null, changed_at = clock_timestamp()
   where name = $1`,
);

/** Parameters: schedule; who; why; until when, or for how many milliseconds, or neither. */
export const pauseSchedule = statement<
  [name: string, by: string, reason: string | null, until: Date | null, forMs: number | null],
  { name: string }
>(
  "pause_schedule",
  `update millrace.schedule s
   set paused_at = case when s.paused_at is not null and (s.paused_until is null or s.paused_until > clock_timestamp())
       then s.paused_at else clock_timestamp() end,
     paused_by = $2, pause_reason = $3, paused_until = coalesce($4, clock_timestamp() + $5::float8 * interval '1 millisecond')
   where name = $1 returning name`,
);

export const resumeSchedule = statement<[name: string], { resumed: boolean }>(
  "resume_schedule",
  `select millrace.resume_schedule($1) as resumed`,
);

export const removeSchedule = statement<[name: string], { removed: boolean }>(
  "remove_schedule",
  `select millrace.remove_schedule($1) as removed`,
);

/** Of the schedules that code has defined for these jobs, those of other names. */
export const undefinedSchedules = statement<[jobs: string[], names: string[]], { name: string }>(
  "undefined_schedules",
  `select name from millrace.schedule
   where defined is not null and job = any ($1) and name <> all ($2) order by name for update`,
);

/** Whether a living worker has the code of a job. */
export const hasLivingCode = statement<[job: string], { living: boolean }>(
  "has_living_code",
  `select exists (select from millrace.worker w where w.state = 'active' and w.jobs @> array[$1]) as living`,
);

/** Schedules that should have fired a minute ago or before, the latest first; of those that are paused or cannot be planned, none. */
export const listLate = statement<[], { name: string; due_at: Date; late: number }>(
  "list_late_schedules",
  `select name, next_at as due_at, (count(*) over ())::int as late from millrace.schedule
   where next_at < (select clock_timestamp()) - interval '1 minute' and problem is null
     and (paused_at is null or paused_until <= clock_timestamp())
   order by next_at limit 3`,
);
