import { statement } from "./statement.ts";

/**
 * Keeps log lines of runs, through their leases: a line from an attempt that was superseded is not kept. `for share`
 * holds the lease until this commits. Notes which lines these are, for who follows the logs of many. Answers how many lines were kept.
 */
export const keepLog = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    seqs: number[],
    attempts: number[],
    at: Date[],
    levels: string[],
    messages: string[],
    fields: (string | null)[],
    steps: (string | null)[],
  ],
  { kept: number }
>(
  "keep_log",
  `with line as materialized (
      select * from unnest($2::bigint[], $3::uuid[], $4::bigint[], $5::smallint[], $6::timestamptz[], $7::text[],
        $8::text[], $9::jsonb[], $10::text[]) l(lease_id, run_id, seq, attempt, at, level, message, fields, step)
    ),
    held as materialized (
      select id, run_ids from millrace.lease where id = any (array(select distinct lease_id from line)) and worker_id = $1 for share
    ),
    kept as (
      insert into millrace.log (run_id, seq, attempt, at, level, message, fields, step)
      select l.run_id, l.seq, l.attempt, l.at, l.level, l.message, l.fields, l.step
      from line l join held h on h.id = l.lease_id and h.run_ids @> array[l.run_id]
      on conflict do nothing
      returning run_id, seq
    ),
    of_run as (
      select run_id, min(seq) as first, max(seq) as last, count(*) as lines from kept group by run_id
    ),
    noted as (
      insert into millrace.log_note (run_ids, firsts, lasts, lines)
      select array_agg(run_id), array_agg(first), array_agg(last), sum(lines) from of_run having count(*) > 0
    )
    select count(*)::int as kept from kept`,
);

/** How much of their logs runs have already, that have any: lines, and bytes of what they say. It reads those lines. */
export const readLogSizes = statement<
  [runs: string[]],
  { run_id: string; lines: number; bytes: number }
>(
  "read_log_sizes",
  `select run_id, count(*)::int as lines,
     sum(octet_length(message) + coalesce(octet_length(fields::text), 0))::int as bytes
   from millrace.log where run_id = any ($1) group by run_id`,
);

/** Notes how far runs are, through their leases. */
export const keepProgress = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    done: number[],
    totals: (number | null)[],
    messages: (string | null)[],
  ],
  { kept: number }
>(
  "keep_progress",
  `with note as materialized (
      select * from unnest($2::bigint[], $3::uuid[], $4::float8[], $5::float8[], $6::text[])
        n(lease_id, run_id, done, total, message)
    ),
    held as materialized (
      select id, run_ids from millrace.lease where id = any (array(select distinct lease_id from note)) and worker_id = $1 for share
    ),
    kept as (
      insert into millrace.progress (run_id, done, total, message)
      select n.run_id, n.done, n.total, n.message
      from note n join held h on h.id = n.lease_id and h.run_ids @> array[n.run_id]
      on conflict (run_id) do update
      set at = clock_timestamp(), done = excluded.done, total = excluded.total, message = excluded.message
      returning 1
    )
    select count(*)::int as kept from kept`,
);

export const readProgress = statement<
  [run: string],
  { at: Date; done: number; total: number | null; message: string | null }
>("read_progress", `select at, done, total, message from millrace.progress where run_id = $1`);
