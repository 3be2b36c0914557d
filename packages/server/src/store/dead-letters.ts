import type { Json, Projects } from "@millrace/core";
import { jobWithin, windowEnd } from "./scope.ts";
import { exactStatement, statement } from "./statement.ts";

export interface DeadLetterRow {
  run_id: string;
  job: string;
  queue: string;
  failed_at: Date;
  error_class: string;
  error_message: string;
  fingerprint: string | null;
}

/** What dead letters are chosen by; null for any. The text is looked for in the message, in whatever case. */
export type FilterParams = [
  job: string | null,
  queue: string | null,
  fingerprint: string | null,
  errorClass: string | null,
  since: Date | null,
  until: Date | null,
  text: string | null,
  /** Null for those of all. */
  projects: Projects,
];

/** The condition of {@link FilterParams}, which begin at that place. */
export function matches(first: number): string {
  const [job, queue, fingerprint, errorClass, since, until, text, projects] = Array.from(
    { length: 8 },
    (_, n) => `$${first + n}`,
  );
  return `(${job}::text is null or job = ${job}) and (${queue}::text is null or queue = ${queue})
      and (${fingerprint}::text is null or fingerprint = ${fingerprint})
      and (${errorClass}::text is null or error_class = ${errorClass})
      and (${since}::timestamptz is null or failed_at >= ${since})
      and (${until}::timestamptz is null or failed_at < ${until})
      and (${text}::text is null or position(lower(${text}) in lower(error_message)) > 0)
      and ${jobWithin("job", projects!)}`;
}

/**
 * Dead letters that nobody has handled, newest run first. It looks at a window of them, along `dead_letter_open`, and
 * answers those that match; `window_end` is where to look on. A window in which nothing matches answers one row without a
 * run. Parameters: run id to start below; how many to look at; how many to answer; the filter.
 */
export const listDeadLetters = statement<
  [below: string, window: number, limit: number, ...filter: FilterParams],
  DeadLetterRow & { window_end: string | null }
>(
  "list_dead_letters",
  `with seen as materialized (
      select * from millrace.dead_letter where handled_at is null and run_id < $1 order by run_id desc limit $2
    ),
    hit as (
      select * from seen where ${matches(4)} order by run_id desc limit $3
    )
    select h.run_id, h.job, h.queue, h.failed_at, h.error_class, h.error_message, h.fingerprint, w.window_end
    from (select case when count(*) = $2 then ${windowEnd("(array_agg(run_id order by run_id))[1]", "$1", "$11")} end as window_end from seen) w
    left join hit h on true
    order by h.run_id desc`,
);

export interface DeadLetterGroupRow {
  fingerprint: string | null;
  error_class: string;
  count: number;
  first_seen: Date;
  last_seen: Date;
  jobs: string[];
  sample: string;
  sample_message: string;
  /** Dead letters that were looked at in all. */
  looked: number;
  /** And how many of those are in a group, also in one beyond the limit. */
  total: number;
}

/**
 * Open dead letters by fingerprint, the largest groups first. Those of an older version, which have none, are grouped by
 * their class. Where nothing matches there is one row without a group. It reads the newest of them, so its cost follows the number of open ones, up to the window: 0.2 s for
 * 100,000.
 */
export const groupDeadLetters = statement<
  [window: number, limit: number, ...filter: FilterParams],
  DeadLetterGroupRow
>(
  "group_dead_letters",
  `with part as (
      select fingerprint, error_class, job, count(*)::int as looked, (count(*) filter (where hit))::int as count,
        min(failed_at) filter (where hit) as first_seen, max(failed_at) filter (where hit) as last_seen,
        -- In the order of the window: the first is the newest.
        (array_agg(run_id) filter (where hit))[1] as newest
      from (
        select run_id, job, failed_at, fingerprint, error_class, ${matches(3)} as hit from millrace.dead_letter
        where handled_at is null order by run_id desc limit $1
      ) seen
      group by fingerprint, error_class, job
    ),
    whole as (
      select fingerprint, error_class, sum(count)::int as count, min(first_seen) as first_seen, max(last_seen) as last_seen,
        (array_agg(job order by count desc, job))[:10] as jobs, (array_agg(newest order by newest desc))[1] as sample
      from part where count > 0 group by fingerprint, error_class
      order by 3 desc, sample desc limit $2
    )
    select w.*, d.error_message as sample_message, l.looked, l.total
    from (select coalesce(sum(looked), 0)::int as looked, coalesce(sum(count), 0)::int as total from part) l
    left join (whole w join millrace.dead_letter d on d.run_id = w.sample) on true
    order by w.count desc, w.sample desc`,
);

export const countDeadLetters = statement<FilterParams, { count: number }>(
  "count_dead_letters",
  `select count(*)::int as count from millrace.dead_letter where handled_at is null and ${matches(1)}`,
);

export interface DeadLetterDetailRow extends DeadLetterRow {
  handled_at: Date | null;
  handled_by: string | null;
  resolution: "rerun" | "dismissed" | null;
  note: string | null;
  rerun_id: string | null;
  operation_id: number | null;
  input: Json | null;
  rerun_of: string | null;
}

/** One dead letter, also one that has been handled. */
export const readDeadLetter = exactStatement<[run: string], DeadLetterDetailRow>(
  "read_dead_letter",
  `select d.*, r.input, r.rerun_of from millrace.dead_letter d left join millrace.run r on r.id = d.run_id
   where d.run_id = $1`,
);

/** Whether there is such a dead letter, and whether it is still open; locks it. */
export const lockDeadLetter = statement<[run: string], { open: boolean; rerun_id: string | null }>(
  "lock_dead_letter",
  `select handled_at is null as open, rerun_id from millrace.dead_letter where run_id = $1 for update`,
);

/** Locks those of these dead letters that are still open, in one order for everybody. */
export const lockOpenDeadLetters = statement<
  [runs: string[], projects: Projects],
  { run_id: string }
>(
  "lock_open_dead_letters",
  `select run_id from millrace.dead_letter
   where run_id = any ($1::uuid[]) and handled_at is null and ${jobWithin("job", "$2")} order by run_id for update`,
);

export const handleDeadLetter = statement<
  [
    run: string,
    by: string,
    resolution: "rerun" | "dismissed",
    note: string | null,
    rerun: string | null,
  ],
  { run_id: string }
>(
  "handle_dead_letter",
  `update millrace.dead_letter
   set handled_at = clock_timestamp(), handled_by = $2, resolution = $3::millrace.resolution, note = $4, rerun_id = $5
   where run_id = $1 and handled_at is null returning run_id`,
);

/**
 * Opens dismissed dead letters again, of which the runs are still there, with an event each. Parameters: runs; the operation that must
 * have dismissed them, or null for whoever has; who; the details of the events as JSON text, or null; the projects that they must be of, null for all.
 */
export const reopenDeadLetters = statement<
  [
    runs: string[],
    dismissedBy: number | null,
    by: string,
    detail: string | null,
    projects: Projects,
  ],
  { run_id: string }
>(
  "reopen_dead_letters",
  `with dismissed as materialized (
      select run_id from millrace.dead_letter
      where run_id = any ($1::uuid[]) and resolution = 'dismissed' and ($2::bigint is null or operation_id = $2) and ${jobWithin("job", "$5")}
      order by run_id for update
    ),
    there as materialized (
      select run_id from dismissed d where exists (select from millrace.run where id = d.run_id)
    ),
    reopened as (
      update millrace.dead_letter d
      set handled_at = null, handled_by = null, resolution = null, note = null, operation_id = null
      from there t where d.run_id = t.run_id
    ),
    noted as (
      insert into millrace.event (run_id, event, actor, detail) select run_id, 'reopened', $3, $4::jsonb from there
    )
    select run_id from there`,
);

/**
 * Handles dead letters that an operation has locked, with an event each. Parameters: operation; who; resolution; note;
 * runs; for each its rerun or null; the details of the events as JSON text or null.
 */
export const handleDeadLetters = statement<
  [
    operation: number,
    by: string,
    resolution: "rerun" | "dismissed",
    note: string | null,
    runs: string[],
    reruns: (string | null)[],
    details: string[],
  ],
  never
>(
  "handle_dead_letters",
  `with given as (
      select * from unnest($5::uuid[], $6::uuid[], $7::jsonb[]) g(run_id, rerun_id, detail)
    ),
    handled as (
      update millrace.dead_letter d
      set handled_at = clock_timestamp(), handled_by = $2, resolution = $3::millrace.resolution, note = $4,
        rerun_id = g.rerun_id, operation_id = $1
      from given g where d.run_id = g.run_id and d.handled_at is null
    )
    insert into millrace.event (run_id, event, actor, detail)
    select run_id, $3::millrace.resolution::text, $2, detail from given`,
);
