import { OPEN_LANES, intoReady } from "./ready.ts";
import { statement } from "./statement.ts";

/**
 * What became of each run of a batch, a letter each, in the order given:
 * - `r`: recorded.
 * - `e`: the run had ended meanwhile (it was cancelled); the lease was emptied, the outcome stands.
 * - `l`: the lease was gone, or had been emptied of this run; nothing was written.
 */
export interface SettledRow {
  letters: string;
  /** Queues, separated by commas, of which a limit has room again; null when none has. */
  roomier: string | null;
}

const LETTERS = `
      select string_agg(case when m.id is not null then 'r' when f.run_id is not null then 'e' else 'l' end, ''
        order by s.place)
      from settling s left join fenced f on f.run_id = s.run_id left join moved m on m.id = s.run_id`;

const ROOMIER = `(select string_agg(distinct queue, ',') from held) as roomier`;

/**
 * The fence, and the end of a lease, shared by both statements below. `held` locks the lease rows, so nothing can take
 * the runs away before this commits; `fenced` is what may be written; afterwards the runs leave their lease, an empty
 * lease is deleted, and the lanes of the keys that were held open again.
 */
const FENCE = `
    held as materialized (
      select id, worker_id, claimed_at, run_ids, unwanted, job, key, queue from millrace.lease
      where id = any (array(select distinct lease_id from settling)) and worker_id = $1 for update
    ),
    member as materialized (
      select h.id as lease_id, h.worker_id, h.claimed_at, u.run_id, u.run_id = any (h.unwanted) as unwanted
      from held h, unnest(h.run_ids) u(run_id)
    ),
    fenced as materialized (
      select s.*, m.worker_id, m.claimed_at, m.unwanted
      from settling s join member m on m.run_id = s.run_id and m.lease_id = s.lease_id
    ),
    rest as materialized (
      select h.id, cardinality(h.run_ids) - (select count(distinct f.run_id) from fenced f where f.lease_id = h.id) as runs
      from held h
    ),
    ended as (
      delete from millrace.lease l using rest where l.id = rest.id and rest.runs = 0
    ),
    shrunk as (
      update millrace.lease l
      set run_ids = array(select unnest(l.run_ids) except select f.run_id from fenced f where f.lease_id = l.id)
      from rest where l.id = rest.id and rest.runs > 0
    ),
    ${OPEN_LANES}`;

/**
 * Settles runs whose handlers returned. Leases and runs are separated by commas; outputs are JSON texts, one a line, an
 * empty one for none. The letters are null when all were recorded, as they nearly always are: telling them apart costs two
 * joins.
 */
export const settleCompleted = statement<
  [worker: number, leases: string, runs: string, outputs: string],
  Omit<SettledRow, "letters"> & { letters: string | null }
>(
  "settle_completed",
  `with settling as materialized (
      select * from unnest(string_to_array($2, ',')::bigint[], string_to_array($3, ',')::uuid[],
        string_to_array($4, e'\\n', '')::jsonb[]) with ordinality s(lease_id, run_id, output, place)
    ),
    ${FENCE},
    moved as (
      update millrace.run r
      set state = 'completed', output = f.output, attempts = r.attempts + 1,
        started_at = f.claimed_at, finished_at = clock_timestamp(), worker_id = f.worker_id
      from fenced f where r.id = f.run_id and r.state is null
      returning r.id
    )
    select case when (select count(*) from moved) < (select count(*) from settling) then (${LETTERS}) end as letters,
      ${ROOMIER}`,
);

/**
 * Settles attempts that did not complete.
 * - retry: the attempt failed and another will be made after the delay; this and release become stop when a cancel was
 *   asked for.
 * - fail: the attempt failed and was the last; the run becomes a dead letter.
 * - stop: the handler let go after a cancel.
 * - release: a drain, or a worker that lost touch, hands the run back; it goes to the back of its queue, and the attempt
 *   does not count.
 * An error is given for retry and fail, and may be for stop.
 */
export const settleOthers = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    verdicts: ("retry" | "fail" | "stop" | "release")[],
    delaysMs: number[],
    classes: (string | null)[],
    messages: (string | null)[],
    stacks: (string | null)[],
  ],
  SettledRow
>(
  "settle_others",
  `with settling as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[])
        with ordinality s(lease_id, run_id, asked, delay_ms, class, message, stack, place)
    ),
    ${FENCE},
    judged as materialized (
      select *, case when unwanted and asked in ('retry', 'release') then 'stop' else asked end as verdict from fenced
    ),
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1,
        failures = r.failures + (f.verdict in ('retry', 'fail'))::int,
        state = case f.verdict when 'fail' then 'failed' when 'stop' then 'cancelled' end::millrace.run_state,
        started_at = case when f.verdict in ('fail', 'stop') then f.claimed_at end,
        finished_at = case when f.verdict in ('fail', 'stop') then f.at end,
        worker_id = case when f.verdict in ('fail', 'stop') then f.worker_id end
      from judged f where r.id = f.run_id and r.state is null
      returning r.id, r.attempts, r.job, r.queue, r.priority, f.verdict, f.delay_ms, f.class, f.message, f.stack,
        f.worker_id, f.claimed_at, f.at
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at, error_class, error_message,
        error_stack)
      select id, attempts, case verdict when 'stop' then 'cancelled' when 'release' then 'released' else 'failed' end
        ::millrace.attempt_outcome, worker_id, claimed_at, at, class, message, stack
      from moved
    ),
    delayed as (
      insert into millrace.timer (run_id, due_at, reason)
      select id, at + delay_ms * interval '1 millisecond', 'retry' from moved where verdict = 'retry'
    ),
    dead as (
      insert into millrace.dead_letter (run_id, job, queue, error_class, error_message)
      select id, job, queue, class, message from moved where verdict = 'fail'
    ),
    handed_back as (
      ${intoReady(`select queue, priority, job, array_agg(id order by id) as run_ids
      from (
        select *, (row_number() over (partition by queue, priority, job order by id) - 1) / 250 as parcel
        from moved where verdict = 'release'
      ) chunk
      group by queue, priority, job, parcel`)}
    )
    select (${LETTERS}) as letters, ${ROOMIER}`,
);

/** Of these runs, the ones that have an outcome or an attempt on record which this worker recorded. */
export const recordedBy = statement<[worker: number, runs: string[]], { run_id: string }>(
  "recorded_by",
  `select id as run_id from millrace.run where id = any ($2::uuid[]) and worker_id = $1 and state is not null
   union
   select run_id from millrace.attempt where run_id = any ($2::uuid[]) and worker_id = $1`,
);
