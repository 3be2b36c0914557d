import type { Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { statement } from "./statement.ts";

export interface PauseRow {
  job: string;
  /** Null when the whole job is paused. */
  key: string | null;
  paused_at: Date;
  paused_by: string;
  reason: string | null;
  until: Date | null;
  /** Whether the job takes nothing new either. */
  disabled: boolean;
}

/** Whether a pause `p` is of a job that is disabled now. */
const DISABLED = `(p.disabled and (p.until is null or p.until > clock_timestamp()))`;

/** The second parameter as runs have their keys; empty when it is null. */
const KEY = `millrace.key_text(to_jsonb($2::text), '[]')`;

/**
 * Pauses a job, or a key of it. Parameters: job; key or null; who; why; until when, or for how many milliseconds, or
 * neither. Pausing again keeps the first instant. Answers no row for a job that is not registered, or is disabled. A long key
 * is cut as those of runs are.
 */
export const pauseJob = statement<
  [
    job: string,
    key: string | null,
    by: string,
    reason: string | null,
    until: Date | null,
    forMs: number | null,
  ],
  { job: string }
>(
  "pause_job",
  `insert into millrace.pause as p (job, key, whole, paused_by, reason, until)
   select name, ${KEY}, $2::text is null, $3, $4, coalesce($5, clock_timestamp() + $6::float8 * interval '1 millisecond')
   from millrace.job where name = $1
   on conflict (job, whole, key) do update
   set paused_by = excluded.paused_by, reason = excluded.reason, until = excluded.until, disabled = false,
     paused_at = case when p.disabled then excluded.paused_at else p.paused_at end
   where not ${DISABLED}
   returning job`,
);

/**
 * Has a job take nothing new, and nothing of it start; a pause of it becomes that. Parameters: job; who; why; until when, or for how
 * many milliseconds, or neither. Disabling again keeps the first instant. Answers no row for a job that is not registered.
 */
export const disableJob = statement<
  [job: string, by: string, reason: string | null, until: Date | null, forMs: number | null],
  { job: string }
>(
  "disable_job",
  `insert into millrace.pause as p (job, key, whole, disabled, paused_by, reason, until)
   select name, '', true, true, $2, $3, coalesce($4, clock_timestamp() + $5::float8 * interval '1 millisecond')
   from millrace.job where name = $1
   on conflict (job, whole, key) do update
   set paused_by = excluded.paused_by, reason = excluded.reason, until = excluded.until, disabled = true,
     paused_at = case when ${DISABLED} then p.paused_at else excluded.paused_at end
   returning job`,
);

export const enableJob = statement<[job: string], { job: string }>(
  "enable_job",
  `delete from millrace.pause where job = $1 and disabled returning job`,
);

/**
 * Holds a job, or a key of it, back for some milliseconds, because a server that it calls has asked for that. A longer
 * pause, one without end, and what is disabled stay as they are.
 */
export const holdJob = statement<
  [job: string, key: string | null, forMs: number, reason: string],
  { job: string }
>(
  "hold_job",
  `insert into millrace.pause as p (job, key, whole, paused_by, reason, until)
   select name, coalesce($2, ''), $2::text is null, 'millrace', $4, clock_timestamp() + $3::float8 * interval '1 millisecond'
   from millrace.job where name = $1
   on conflict (job, whole, key) do update
   set until = excluded.until, reason = excluded.reason where p.until < excluded.until and not p.disabled
   returning job`,
);

/** Ends a pause; what is disabled stays so. */
export const resumeJob = statement<[job: string, key: string | null], { job: string }>(
  "resume_job",
  `delete from millrace.pause p where job = $1 and whole = ($2::text is null) and key = ${KEY} and not ${DISABLED} returning job`,
);

/** The queues in which runs of a job stand before the gate; there are few queues. */
export const queuesBeforeGate = statement<[job: string], { name: string }>(
  "queues_before_gate",
  `select q.name from millrace.queue q
   where exists (select from millrace.lane l where l.job = $1 and l.queue = q.name)
     or exists (select from millrace.ready r where r.gated and r.queue = q.name and r.job = $1)`,
);

/** The pauses of jobs and keys that hold now. Parameter: of which projects, null for all. */
export const listPauses = statement<[projects: Projects], PauseRow>(
  "list_pauses",
  `select job, case when not whole then key end as key, paused_at, paused_by, reason, until, disabled
   from millrace.pause
   where (until is null or until > clock_timestamp()) and ${jobWithin("job", "$1")} order by job, whole desc, key limit 10000`,
);

/** Marks what waits of a job, so that it is filed into the gate: it came before the job had a limit or a pause. */
export const markForGate = statement<[job: string], never>(
  "mark_for_gate",
  `update millrace.ready set gated = true where job = $1 and not gated`,
);

/** The same of a queue. */
export const markQueueForGate = statement<[queue: string], never>(
  "mark_queue_for_gate",
  `update millrace.ready set gated = true where queue = $1 and not gated`,
);
