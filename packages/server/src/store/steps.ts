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
  /** Of a sleep: what is left of it, in milliseconds, and when it is over. */
  rest_ms: number;
  due_at: Date | null;
}

/**
 * Records checkpoints of runs, through their leases: one of an attempt that was superseded is not recorded. `for share` holds
 * the lease until this commits, so that whoever claims the run next finds it. Answers one row for each, in order.
 *
 * Parameters: worker; then of each its lease, run, name, ordinal, kind, attempt, how many milliseconds the step took, how
 * many a sleep takes or until when it lasts, and the JSON text of the value.
 */
export const keepSteps = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    names: string[],
    ordinals: number[],
    kinds: StepKind[],
    attempts: number[],
    tookMs: number[],
    sleepMs: (number | null)[],
    until: (Date | null)[],
    values: (string | null)[],
  ],
  KeptRow
>(
  "keep_steps",
  `with made as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::text[], $7::smallint[], $8::float8[], $9::float8[],
        $10::timestamptz[], $11::jsonb[])
        with ordinality m(lease_id, run_id, name, ordinal, kind, attempt, took_ms, sleep_ms, until_at, value, place)
    ),
    held as materialized (
      select id, run_ids from millrace.lease where id = any (array(select distinct lease_id from made)) and worker_id = $1 for share
    ),
    fenced as materialized (
      select m.* from made m join held h on h.id = m.lease_id and h.run_ids @> array[m.run_id]
    ),
    kept as (
      insert into millrace.step (run_id, name, ordinal, kind, attempt, started_at, finished_at, value)
      select run_id, name, ordinal, kind, attempt, at - took_ms * interval '1 millisecond',
        coalesce(until_at, at + coalesce(sleep_ms, 0) * interval '1 millisecond'), value
      from fenced
      on conflict do nothing
      returning run_id, name, ordinal, attempt, finished_at
    )
    select f.place is not null as held, coalesce(k.attempt, s.attempt) is not distinct from m.attempt as ours,
      case when m.kind = 'sleep' then coalesce(k.finished_at, s.finished_at) end as due_at,
      case when m.kind = 'sleep' then coalesce(greatest(0,
        extract(epoch from coalesce(k.finished_at, s.finished_at) - clock_timestamp()) * 1000), 0) else 0 end::float8 as rest_ms
    from made m
    left join fenced f on f.place = m.place
    left join kept k on k.run_id = m.run_id and k.name = m.name and k.ordinal = m.ordinal
    -- By itself, and only where it was there: a join may be planned to read the whole history.
    left join lateral (
      select attempt, finished_at from millrace.step
      where k.run_id is null and f.place is not null and run_id = m.run_id and name = m.name and ordinal = m.ordinal limit 1
    ) s on true
    order by m.place`,
);

/** What a run's earlier attempts have recorded. */
export interface RecordedRow {
  name: string;
  ordinal: number;
  kind: StepKind;
  /** JSON text, because it is read by another rule than JSON. */
  value: string | null;
  rest_ms: number;
  due_at: Date | null;
}

export const readRecorded = statement<[run: string], RecordedRow>(
  "read_recorded",
  `select name, ordinal, kind, value::text as value, case when kind = 'sleep' then finished_at end as due_at,
     case when kind = 'sleep' then greatest(0, extract(epoch from finished_at - clock_timestamp()) * 1000) else 0 end
       ::float8 as rest_ms
   from millrace.step where run_id = $1`,
);

export interface StepRow {
  name: string;
  ordinal: number;
  kind: StepKind;
  attempt: number;
  started_at: Date;
  /** Null for a sleep that is not over. */
  finished_at: Date | null;
}

/** The last steps of a run, in the order in which they began, without their values. */
export const listSteps = statement<[run: string, limit: number], StepRow>(
  "list_steps",
  `select * from (
     select name, ordinal, kind, attempt, started_at,
       case when finished_at <= clock_timestamp() then finished_at end as finished_at
     from millrace.step where run_id = $1 order by started_at desc, name desc, ordinal desc limit $2
   ) last
   order by started_at, name, ordinal`,
);
