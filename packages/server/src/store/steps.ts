import type { StepKind } from "@millrace/core";
import { statement } from "./statement.ts";

/**
 * What became of a checkpoint:
 * - held: whether its lease still held the run; else nothing was written.
 * - ours: whether what is on record is of this attempt: the statement may be sent again, when its answer was lost.
 */
export interface KeptRow {
  held: boolean;
  ours: boolean;
}

/**
 * Of rows `made` (lease_id, run_id, …, place), those whose lease is this worker's still and holds the run. `for share` keeps the
 * lease until this commits, so that whoever claims the run next finds what is recorded.
 */
export const FENCED_STEPS = `
    held as materialized (
      select id, run_ids from millrace.lease where id = any (array(select distinct lease_id from made)) and worker_id = $1 for share
    ),
    fenced as materialized (
      select m.* from made m join held h on h.id = m.lease_id and h.run_ids @> array[m.run_id]
    )`;

/**
 * The text that records what steps gave, through the leases of their runs: that of an attempt that was superseded is not recorded. Answers
 * one row for each, in order.
 *
 * @param more further parts, each with a comma behind it, which `kept` comes after
 */
export function keeping(more = ""): string {
  return `with made as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::integer[], $7::smallint[], $8::float8[], $9::jsonb[], $10::boolean[],
        $11::text[])
        with ordinality m(lease_id, run_id, name, ordinal, seq, attempt, took_ms, value, failed, kind, place)
    ),
    ${FENCED_STEPS},
    ${more}
    kept as (
      insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value, failed)
      select run_id, name, ordinal, kind, seq, attempt, at - took_ms * interval '1 millisecond', at, value, failed from fenced
      on conflict do nothing
      returning run_id, name, ordinal, attempt
    )
    select f.place is not null as held, coalesce(k.attempt, s.attempt) is not distinct from m.attempt as ours
    from made m
    left join fenced f on f.place = m.place
    left join kept k on k.run_id = m.run_id and k.name = m.name and k.ordinal = m.ordinal
    -- By itself, and only where it was there: a join may be planned to read the whole history.
    left join lateral (
      select attempt from millrace.step
      where k.run_id is null and f.place is not null and run_id = m.run_id and name = m.name and ordinal = m.ordinal limit 1
    ) s on true
    order by m.place`;
}

/**
 * Of checkpoints their leases, runs, names, ordinals, numbers in the run, attempts, how many milliseconds they took, the JSON texts of
 * their values, whether that is what they have thrown, and their kinds.
 */
export type Keeping = [
  worker: number,
  leases: number[],
  runs: string[],
  names: string[],
  ordinals: number[],
  seqs: number[],
  attempts: number[],
  tookMs: number[],
  values: string[],
  failed: boolean[],
  kinds: StepKind[],
];

export const keepSteps = statement<Keeping, KeptRow>("keep_steps", keeping());

/** Whether a step is on record, and of that attempt. */
export const isStepKept = statement<
  [run: string, name: string, ordinal: number, attempt: number],
  { kept: boolean }
>(
  "is_step_kept",
  `select exists (select from millrace.step where run_id = $1 and name = $2 and ordinal = $3 and attempt = $4) as kept`,
);

/** What a run's earlier attempts have recorded, in the order in which its handler got to know it. */
export interface RecordedRow {
  name: string;
  ordinal: number;
  kind: StepKind;
  /** JSON text, because it is read by another rule than JSON. */
  value: string | null;
  /** The value is what the step has thrown, or why children gave nothing. */
  failed: boolean;
  seq: number;
  /** The run that this one was forked from has recorded it. */
  takenOver: boolean;
}

export const readRecorded = statement<[run: string], RecordedRow>(
  "read_recorded",
  `select name, ordinal, kind, value::text as value, failed, seq, attempt = 0 as "takenOver" from millrace.step where run_id = $1 order by seq`,
);

export interface StepRow {
  name: string;
  ordinal: number;
  kind: StepKind;
  /** The attempt that recorded it; null for a wait that is not over. */
  attempt: number | null;
  started_at: Date;
  finished_at: Date | null;
}

/** Steps of a run, and what it waits for, without their values. No index has them by time: all of the run are read, up to 25,000. */
const STEPS = `
     select name, ordinal, kind, attempt, started_at, finished_at from millrace.step where run_id = $1
     union all
     select name, ordinal, kind, null, asked_at, coalesce(met_at, case when due_at <= clock_timestamp() then due_at end)
     from millrace.waiter where run_id = $1`;

/** The last steps of a run, in the order in which they began; each says how many there are in all. */
export const listSteps = statement<[run: string, limit: number], StepRow & { total: number }>(
  "list_steps",
  `select * from (
     select *,
       ((select count(*) from millrace.step where run_id = $1) + (select count(*) from millrace.waiter where run_id = $1))::int as total
     from (${STEPS}) steps
     order by started_at desc, name desc, ordinal desc limit $2
   ) last
   order by started_at, name, ordinal`,
);

/**
 * Steps of a run from one on, in the same order.
 *
 * @param after the start of the one before, in microseconds since 1970, its name and ordinal; null for the first
 */
export const listStepsAfter = statement<
  [run: string, after: string | null, name: string | null, ordinal: number | null, limit: number],
  StepRow & { started_us: string }
>(
  "list_steps_after",
  `select *, (extract(epoch from started_at) * 1000000)::bigint::text as started_us from (${STEPS}) steps
   where $2::bigint is null
     or (started_at, name, ordinal) > (timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3::text, $4::integer)
   order by started_at, name, ordinal limit $5`,
);
