import type { FinalState } from "@millrace/core";
import { noteEnds } from "./ends.ts";
import { OPEN_LANES, intoReady, pinned } from "./ready.ts";
import { statement } from "./statement.ts";

/**
 * What became of each run of a batch, a letter each, in the order given:
 * - `r`: recorded.
 * - `t`: recorded as a failed run, because its retry would have started too late.
 * - `e`: the run had ended meanwhile (it was cancelled); the lease was emptied, the outcome stands.
 * - `l`: the lease was gone, or had been emptied of this run; nothing was written.
 */
export interface SettledRow {
  letters: string;
  /** Queues, separated by commas, of which a limit has room again; null when none has. */
  roomier: string | null;
}

/**
 * Locks the lease rows, in the order of their ids, so nothing can take the runs away before this commits; and lets go on who
 * holds them FOR KEY SHARE: a transaction of another of their runs' own, see `millrace.complete`.
 */
const held = (leases: string) => `
    held as materialized (
      select id, worker_id, claimed_at, run_ids, unwanted, job, key, queue from millrace.lease
      where id = any (${leases}) and worker_id = $1 for no key update
    )`;

/**
 * After the fence: runs leave their lease, of which `rest` counts what is left, an empty lease is deleted, and the lanes of
 * the keys that were held open again.
 *
 * @param run the id of a row `f` of `fenced`
 */
const leave = (run: string) => `
    ended as (
      delete from millrace.lease l using rest where l.id = rest.id and rest.runs = 0
    ),
    shrunk as (
      update millrace.lease l
      set run_ids = array(select unnest(l.run_ids) except select ${run} from fenced f where f.lease_id = l.id)
      from rest where l.id = rest.id and rest.runs > 0
    ),
    ${OPEN_LANES}`;

export const ROOMIER = `(select string_agg(distinct queue, ',') from held) as roomier`;

/**
 * The leases of `member` once more: the two series have one number each, of which the planner expects a thousand. So many
 * runs does it then expect of these that it hashes them, however long or short it takes the history to be. Otherwise it may
 * compare each with each, or look each up by itself. (For the leases themselves it would be wrong: it would hash all there are.)
 *
 * @param count a parameter above 0
 */
const manyMembers = (count: string) => `
    many as materialized (
      select member.* from member
      cross join generate_series(1, ${count}::integer / ${count}) cross join generate_series(1, ${count} / ${count}) as expected
    )`;

/** Of each lease its outputs: JSON texts, one a line, an empty one for none, and form feeds between leases, which JSON has nowhere. */
type Outputs = string;

/**
 * Settles leases that end whole: all runs of each have completed, and no limit concerns them. So their ids need not be told: they
 * stand in the lease, in the order of the claim. Runs must have been accepted at nearly the same time, so that nearly all
 * between the least and the greatest of their ids are wanted, which one short scan finds. A fifth cheaper than
 * {@link settleCompletedNear}.
 *
 * It is all or nothing: where a lease is not this worker's any more, is another one of the same number, or has lost a run,
 * nothing is written, and `whole` is false. The letters are in the order of the leases and of their runs, and null when all
 * were recorded: telling costs a join.
 */
export const settleWhole = statement<
  [
    worker: number,
    leases: number[],
    openedAt: string[],
    runs: number[],
    outputs: Outputs,
    count: number,
    least: string,
    greatest: string,
  ],
  { whole: boolean; letters: string | null }
>(
  "settle_whole",
  `with told as materialized (
      select * from unnest($2::bigint[], $3::timestamptz[], $4::integer[], string_to_array($5, e'\\f'))
        with ordinality t(lease_id, opened_at, runs, outputs, turn)
    ),
    ${held("$2")},
    member as materialized (
      select h.id as lease_id, h.claimed_at, h.run_ids, t.outputs, t.turn
      from told t join held h on h.id = t.lease_id
        and h.claimed_at = t.opened_at and cardinality(h.run_ids) = t.runs and h.job is null and h.queue is null
    ),${manyMembers("$6")},
    fence as materialized (
      select count(*) = cardinality($2) as holds from member
    ),
    ended as (
      delete from millrace.lease l using member m, fence where l.id = m.lease_id and holds
    ),
    moved as (
      update millrace.run r
      set state = 'completed', output = s.output::jsonb, attempts = r.attempts + 1,
        started_at = m.claimed_at, finished_at = clock_timestamp(), worker_id = $1
      from fence cross join many m
        cross join lateral rows from (unnest(m.run_ids), string_to_table(m.outputs, e'\\n', '')) s(run_id, output)
      where holds and r.id = s.run_id and r.id between $7 and $8 and r.state is null
      returning r.id
    )
    select holds as whole, case when holds and (select count(*) from moved) < $6 then (
        select string_agg(case when d.id is null then 'e' else 'r' end, '' order by m.turn, u.n)
        from member m cross join lateral unnest(m.run_ids) with ordinality u(id, n) left join moved d on d.id = u.id
      ) end as letters
    from fence`,
);

/**
 * The parts:
 * - held, member: the leases that are this worker's still. One that ends whole is known by one comparison.
 * - fenced: what may be written.
 * - rest and the following: see {@link leave}.
 * - moved: the outcomes.
 * - the letters, which are told only when not all are `r`.
 *
 * @param found how `moved` finds the run `r` of a row `f`
 */
function completedText(found: string): string {
  return `
    with told as materialized (
      select * from unnest($2::bigint[], string_to_array($3, ';'), string_to_array($4, e'\\f'))
        with ordinality t(lease_id, runs, outputs, turn)
    ),
    ${held("$2")},
    member as materialized (
      select h.id as lease_id, h.claimed_at, h.run_ids, t.runs, t.outputs, t.runs = array_to_string(h.run_ids, ',') as whole
      from told t join held h on h.id = t.lease_id
    ),${manyMembers("$5")},
    fenced as materialized (
      select m.lease_id, m.claimed_at, s.run_id::uuid as run_id, s.output::jsonb as output
      from many m
      cross join lateral rows from (string_to_table(m.runs, ','), string_to_table(m.outputs, e'\\n', '')) s(run_id, output)
      where m.whole or s.run_id::uuid = any (m.run_ids)
    ),
    rest as materialized (
      select m.lease_id as id, case when m.whole then 0 else cardinality(m.run_ids)
        - (select count(distinct f.run_id) from fenced f where f.lease_id = m.lease_id) end as runs
      from member m
    ),
    ${leave("f.run_id")},
    moved as (
      update millrace.run r
      set state = 'completed', output = f.output, attempts = r.attempts + 1,
        started_at = f.claimed_at, finished_at = clock_timestamp(), worker_id = $1
      from fenced f where ${found} and r.state is null
      returning r.id
    )
    select case when (select count(*) from moved) < $5 then (
        select string_agg(case when d.id is not null then 'r' when f.run_id is not null then 'e' else 'l' end, ''
          order by t.turn, s.place)
        from told t cross join lateral unnest(string_to_array(t.runs, ',')::uuid[]) with ordinality s(run_id, place)
        left join fenced f on f.run_id = s.run_id and f.lease_id = t.lease_id left join moved d on d.id = f.run_id
      ) end as letters,
      ${ROOMIER}`;
}

/**
 * Who, its leases, of each its runs and their outputs, and how many runs that is. Runs are separated by commas, and by
 * semicolons between leases. As arrays of text all this would be quoted and escaped by the driver.
 */
export type Completions = [
  worker: number,
  leases: number[],
  runs: string,
  outputs: Outputs,
  count: number,
];

type CompletedRow = Omit<SettledRow, "letters"> & { letters: string | null };

/**
 * Settles runs whose handlers returned, by the lease. The letters come in the order given, or are null when all were
 * recorded, as they nearly always are: telling them apart costs two joins. Why each run is looked up by itself, by
 * `any (array[…])`, `database.ts` says.
 */
export const settleCompleted = statement<Completions, CompletedRow>(
  "settle_completed",
  completedText("r.id = any (array[f.run_id])"),
);

/** The same for runs that were accepted at nearly the same time, as in {@link settleWhole}: a fifth cheaper. */
export const settleCompletedNear = statement<
  [...told: Completions, least: string, greatest: string],
  CompletedRow
>("settle_completed_near", completedText("r.id = f.run_id and r.id between $6 and $7"));

/** The fence of what is settled one by one: `settling` gives the lease and the run of each, and its place. */
export const FENCE = `
    ${held("array(select distinct lease_id from settling)")},
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
    ${leave("f.run_id")}`;

/** The letters of `settling`, whose `fenced` rows were `moved`. */
export const letters = (recorded: string) => `
      select string_agg(case when m.id is not null then ${recorded} when f.run_id is not null then 'e' else 'l' end, ''
        order by s.place)
      from settling s left join fenced f on f.run_id = s.run_id left join moved m on m.id = s.run_id`;

/**
 * Settles attempts that did not complete.
 * - retry: the attempt failed and another will be made after the delay, or later when the job's budget of retries is used
 *   up; it becomes fail when that would be later than the policy allows. This and release become stop when a cancel was
 *   asked for.
 * - fail: the attempt failed and was the last; the run becomes a dead letter.
 * - stop: the handler let go after a cancel.
 * - release: a drain, or a worker that lost touch, hands the run back; it goes to the back of its queue, and the attempt
 *   does not count.
 * - crash: the process or thread that the run had for itself died. The attempt is lost, and the run goes to the back of
 *   its queue; or is cancelled, when that was asked for; or becomes a dead letter, when it has done so too often.
 * An error is given for retry, fail and crash, and may be for stop; a fingerprint for what may become a dead letter. Limits are
 * JSON, `{job, max_elapsed_ms, limit, per_ms}`, of which all but the job may be absent, and null for most. The budget of a
 * job is locked once in a batch; after the leases, and by everybody in the order of the jobs' names.
 * Evidence is JSON, for crash alone; the last two parameters are those of engine/poison.ts.
 */
export const settleOthers = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    verdicts: ("retry" | "fail" | "stop" | "release" | "crash")[],
    delaysMs: number[],
    classes: (string | null)[],
    messages: (string | null)[],
    stacks: (string | null)[],
    fingerprints: (string | null)[],
    limits: (string | null)[],
    evidences: (string | null)[],
    maxCrashes: number,
    minProven: number,
  ],
  SettledRow
>(
  "settle_others",
  `with settling as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::jsonb[], $11::jsonb[])
        with ordinality s(lease_id, run_id, asked, delay_ms, class, message, stack, fingerprint, limits, evidence, place)
    ),
    ${FENCE},
    heard as materialized (
      select *, at + delay_ms * interval '1 millisecond' as wanted_at,
        case when unwanted and asked in ('retry', 'release') then 'stop' else asked end as heard
      from fenced
    ),
    reserved as materialized (
      select u.run_id, u.due_at
      from (
        select limits ->> 'job' as job, (limits ->> 'limit')::integer as budget, (limits ->> 'per_ms')::float8 as per_ms,
          array_agg(run_id order by wanted_at, run_id) as run_ids, array_agg(wanted_at order by wanted_at, run_id) as wanted
        from heard where heard = 'retry' and limits ? 'limit'
        group by 1, 2, 3 order by 1
      ) b
      cross join lateral rows from (unnest(b.run_ids), unnest(millrace.reserve_retries(b.job, b.budget, b.per_ms, b.wanted)))
        u(run_id, due_at)
    ),
    timed as materialized (
      select h.*, coalesce(r.due_at, h.wanted_at) as due_at,
        case when h.heard = 'retry' and h.limits ? 'max_elapsed_ms' then
          coalesce(r.due_at, h.wanted_at) > coalesce(
            (select a.started_at from millrace.attempt a where a.run_id = h.run_id and a.number = 1), h.claimed_at)
            + (h.limits ->> 'max_elapsed_ms')::float8 * interval '1 millisecond'
        else false end as late
      from heard h left join reserved r on r.run_id = h.run_id
    ),
    judged as materialized (
      select f.*, v.verdict, case
          when v.verdict = 'stop' or v.verdict = 'crash' and f.unwanted then 'cancelled'
          when v.verdict = 'fail' or c.poison then 'failed'
        end::millrace.run_state as final
      from timed f
      cross join lateral (select case when f.late then 'fail' else f.heard end as verdict) v
      left join lateral (
        select r.losses + 1 >= $12 and c.proven + 1 >= $13 as poison
        from (select id, losses from millrace.run where id = f.run_id limit 1) r cross join millrace.crashes(r.id) c
        where v.verdict = 'crash'
      ) c on true
    ),
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1, version = ${pinned("f")},
        failures = r.failures + (f.verdict in ('retry', 'fail'))::int,
        losses = r.losses + (f.verdict = 'crash')::int,
        state = f.final,
        started_at = case when f.final is not null then f.claimed_at end,
        finished_at = case when f.final is not null then f.at end,
        worker_id = case when f.final is not null then f.worker_id end
      from judged f where r.id = any (array[f.run_id]) and r.state is null
      returning r.id, r.attempts, r.losses, r.state, r.job, r.queue, r.priority, r.version, r.compensates, f.verdict, f.due_at, f.wanted_at, f.late,
        f.limits, f.class, f.message, f.stack, f.fingerprint, f.evidence, f.worker_id, f.claimed_at, f.at
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at, error_class, error_message,
        error_stack, evidence)
      select id, attempts,
        case verdict when 'stop' then 'cancelled' when 'release' then 'released' when 'crash' then 'lost' else 'failed' end
        ::millrace.attempt_outcome, worker_id, claimed_at, at, class, message, stack, evidence
      from moved
    ),
    delayed as (
      insert into millrace.timer (run_id, due_at, reason)
      select id, due_at, case when due_at > wanted_at then 'retry budget' else 'retry' end from moved where verdict = 'retry'
    ),
    dead as (
      insert into millrace.dead_letter (run_id, job, queue, error_class, error_message, fingerprint)
      select id, job, queue, class,
        message || case when verdict = 'crash' then '; it was lost ' || losses || ' times' else '' end, fingerprint
      from moved where state = 'failed'
    ),
    counted as (${noteEnds(`
        select id, job, coalesce(state::text, case when verdict in ('retry', 'crash') then 'retried' end) as outcome, compensates,
          fingerprint, class as error_class, version, worker_id
        from moved`)}
    ),
    gave_up as (
      insert into millrace.event (run_id, event, detail)
      select id, 'gave up', jsonb_build_object('maxElapsedMs', limits -> 'max_elapsed_ms', 'retryAt', due_at)
      from moved where late
    ),
    handed_back as (
      ${intoReady(`select queue, priority, job, version, array_agg(id order by id) as run_ids
      from (
        select *, (row_number() over (partition by queue, priority, job, version order by id) - 1) / 250 as parcel
        from moved where verdict = 'release' or verdict = 'crash' and state is null
      ) chunk
      group by queue, priority, job, version, parcel`)}
    )
    select (${letters("case when m.late then 't' else 'r' end")}) as letters, ${ROOMIER}`,
);

/** Of these runs, the ones that have an outcome or an attempt on record which this worker recorded. */
export const recordedBy = statement<[worker: number, runs: string[]], { run_id: string }>(
  "recorded_by",
  `select id as run_id from millrace.run where id = any ($2::uuid[]) and worker_id = $1 and state is not null
   union
   select run_id from millrace.attempt where run_id = any ($2::uuid[]) and worker_id = $1`,
);

/** How a run ended, if it has; no row while a transaction holds it. */
export const readUnlessLocked = statement<
  [run: string],
  { state: FinalState | null; worker_id: number | null }
>(
  "read_unless_locked",
  `select state, worker_id from millrace.run where id = $1 for share skip locked`,
);
