/**
 * How an attempt and its run end: the run `completed`, `failed` or was `cancelled`; or it goes on, and the attempt failed, or its own process died (`retried`), or it
 * was `lost` with its worker. Each end is one of these. An attempt that was handed back, waits or is parked has not ended.
 */
export type EndOutcome = "completed" | "failed" | "cancelled" | "retried" | "lost";

/**
 * Notes ends in the statement that makes them: a row for each job, outcome and error, which nobody else touches. All ends but completions, which workers tell, are noted so.
 * A run that makes good what it did may be open again when the statement is over; those are counted by `millrace.note_end`, which knows.
 *
 * @param ends gives id, job, `outcome`, null for what has not ended, and compensates, and of what failed fingerprint, error_class, version and worker_id
 */
export const noteEnds = (ends: string) => `
      insert into millrace.uncounted_end (job, outcome, ends, at, fingerprint, error_class, version, worker_id, last_run)
      select e.job, e.outcome, count(*), clock_timestamp(), f.fingerprint, f.error_class, f.version, f.worker_id, max(f.run::text)::uuid
      from (${ends}) e
      left join lateral (select e.fingerprint, e.error_class, e.version, e.worker_id, e.id as run) f on e.outcome = 'failed'
      where e.outcome is not null and not (e.compensates and e.outcome in ('failed', 'cancelled'))
      group by e.job, e.outcome, f.fingerprint, f.error_class, f.version, f.worker_id`;

/** The same of runs that were cancelled: gives their job, and whether they compensate. */
export const noteCancelled = (cancelled: string) => `
      insert into millrace.uncounted_end (job, outcome, ends, at)
      select job, 'cancelled', count(*), clock_timestamp() from ${cancelled} where not compensates group by job`;
