import { statement } from "./statement.ts";

/** What a window of the history holds. */
export interface WindowRow {
  runs: number;
  /** Not ended. */
  open: number;
  /** Dead letters that nobody has handled. */
  dead: number;
  /** With a rerun that is still there and tells where it came from. */
  rerun: number;
  /** Not old enough. */
  young: number;
  /** Old enough, so that a partition without any other may go. */
  expired: number;
  /** Of those, the ones that cannot wait for their partition. */
  due: number;
  /** With an idempotency key. */
  keyed: number;
  /** The last run of the window; null when it is empty. */
  last: string | null;
}

/**
 * Up to $3 runs after $1 (exclusive) and below $2, each with the reason why it stays, or `expired`. The jobs of $4 have
 * cut-offs of their own: what ended before the one in $5 may go with its partition, before the one in $6 must go by
 * itself. All others have $7 and $8. A null keeps for ever. The outer bounds are parameters, so that only the partitions
 * between them are opened.
 */
const JUDGED = `
    seen as materialized (
      select r.id, r.job, r.state, r.finished_at, r.idempotency_key
      from millrace.run r where r.id > $1::uuid and r.id < $2::uuid order by r.id limit $3
    ),
    edge as materialized (select id from seen order by id desc limit 1),
    held as materialized (
      select d.run_id, 'dead' as why from millrace.dead_letter d
      where d.run_id > $1 and d.run_id <= (select id from edge) and d.handled_at is null
      union all
      select e.run_id, 'rerun' from millrace.event e join millrace.run n on n.id = (e.detail ->> 'run')::uuid
      where e.run_id > $1 and e.run_id < $2 and e.run_id <= (select id from edge) and e.event = 'rerun'
    ),
    judged as materialized (
      select s.id, s.job, s.idempotency_key, case
          when s.state is null then 'open'
          when exists (select from held h where h.run_id = s.id and h.why = 'dead') then 'dead'
          when exists (select from held h where h.run_id = s.id) then 'rerun'
          when s.finished_at < case when c.job is null then $7::timestamptz else c.may_go end then 'expired'
          else 'young' end as why,
        coalesce(s.finished_at < case when c.job is null then $8::timestamptz else c.must_go end, false) as overdue
      from seen s left join unnest($4::text[], $5::timestamptz[], $6::timestamptz[]) c(job, may_go, must_go) on c.job = s.job
    )`;

type Window = [
  after: string,
  below: string,
  limit: number,
  jobs: string[],
  mayGo: (Date | null)[],
  mustGo: (Date | null)[],
  otherMayGo: Date | null,
  otherMustGo: Date | null,
];

/** Looks at one window, and changes nothing. */
export const lookAtWindow = statement<Window, WindowRow>(
  "look_at_window",
  `with ${JUDGED}
    select count(*)::int as runs,
      count(*) filter (where why = 'open')::int as open, count(*) filter (where why = 'dead')::int as dead,
      count(*) filter (where why = 'rerun')::int as rerun, count(*) filter (where why = 'young')::int as young,
      count(*) filter (where why = 'expired')::int as expired,
      count(*) filter (where why = 'expired' and overdue)::int as due,
      count(idempotency_key)::int as keyed, (select id from edge) as last
    from judged`,
);

/** Erases what must go of one window, with all that belongs to it. */
export const eraseFromWindow = statement<
  Window,
  { runs: number; keys: number; last: string | null }
>(
  "erase_from_window",
  `with ${JUDGED},
    gone as materialized (select id, job, idempotency_key from judged where why = 'expired' and overdue),
    attempts as (delete from millrace.attempt t using gone g where t.run_id = g.id and t.run_id > $1 and t.run_id < $2),
    events as (delete from millrace.event t using gone g where t.run_id = g.id and t.run_id > $1 and t.run_id < $2),
    logs as (delete from millrace.log t using gone g where t.run_id = g.id and t.run_id > $1 and t.run_id < $2),
    steps as (delete from millrace.step t using gone g where t.run_id = g.id and t.run_id > $1 and t.run_id < $2),
    marks as (
      delete from millrace.run_field t using gone g
      where t.run_id = g.id and t.run_id > $1 and t.run_id < $2 and t.run_id <= (select id from edge)
    ),
    notes as (delete from millrace.progress t using gone g where t.run_id = g.id and t.run_id > $1 and t.run_id < $2),
    letters as (delete from millrace.dead_letter t using gone g where t.run_id = g.id),
    cancels as (delete from millrace.cancellation t using gone g where t.run_id = g.id),
    children as (delete from millrace.child t using gone g where t.parent = g.id),
    keys as (
      delete from millrace.idempotency_key k using gone g
      where k.job = g.job and k.key = g.idempotency_key and k.run_id = g.id returning 1
    ),
    runs as (delete from millrace.run t using gone g where t.id = g.id and t.id > $1 and t.id < $2 returning 1)
    select (select count(*)::int from runs) as runs, (select count(*)::int from keys) as keys, (select id from edge) as last`,
);

/** Before their partition is dropped: the idempotency keys of the runs of one window. */
export const forgetKeys = statement<
  [after: string, below: string, limit: number],
  { keys: number; last: string | null }
>(
  "forget_keys",
  `with seen as materialized (
      select id, job, idempotency_key from millrace.run where id > $1::uuid and id < $2::uuid order by id limit $3
    ),
    gone as (
      delete from millrace.idempotency_key k using seen s
      where k.job = s.job and k.key = s.idempotency_key and k.run_id = s.id returning 1
    )
    select (select count(*)::int from gone) as keys, (select id from seen order by id desc limit 1) as last`,
);

/** The same for handled dead letters and for cancels, some at a time. */
export const forgetHandled = statement<
  [from: string, below: string, limit: number],
  { rows: number }
>(
  "forget_handled",
  `with letters as (
      delete from millrace.dead_letter where run_id = any (array(
        select run_id from millrace.dead_letter where run_id >= $1::uuid and run_id < $2::uuid and handled_at is not null limit $3))
      returning 1
    ),
    cancels as (
      delete from millrace.cancellation where run_id = any (array(
        select run_id from millrace.cancellation where run_id >= $1::uuid and run_id < $2::uuid limit $3))
      returning 1
    )
    select ((select count(*) from letters) + (select count(*) from cancels))::int as rows`,
);

/** How many runs there are between two ids, counted up to a limit. */
export const countRunsBetween = statement<
  [from: string, below: string, limit: number],
  { runs: number }
>(
  "count_runs_between",
  `select count(*)::int as runs
   from (select from millrace.run where id >= $1::uuid and id < $2::uuid order by id limit $3) r`,
);

/** For so long who worked can be told of what has ended. */
export const WORKERS_KEPT_MS = 7 * 86_400_000;

/** Workers that ended before an instant and hold nothing. */
export const forgetWorkers = statement<[before: Date], { id: number }>(
  "forget_workers",
  `delete from millrace.worker w
   where w.ended_at < $1 and w.state in ('gone', 'lost') and not exists (select from millrace.lease l where l.worker_id = w.id)
   returning id`,
);

export interface LookRow {
  from_at: Date;
  to_at: Date;
  looked_at: Date;
  runs: number;
  open: number;
  dead: number;
  rerun: number;
  young: number;
}

export const readLooks = statement<[], LookRow>(
  "read_looks",
  `select from_at, to_at, looked_at, runs, open, dead, rerun, young from millrace.history_look order by from_at`,
);

export const rememberLook = statement<
  [
    from: Date,
    to: Date,
    at: Date,
    runs: number,
    open: number,
    dead: number,
    rerun: number,
    young: number,
  ],
  never
>(
  "remember_look",
  `insert into millrace.history_look (from_at, to_at, looked_at, runs, open, dead, rerun, young)
   values ($1, $2, $3, $4, $5, $6, $7, $8)
   on conflict (from_at, to_at) do update set looked_at = excluded.looked_at, runs = excluded.runs, open = excluded.open,
     dead = excluded.dead, rerun = excluded.rerun, young = excluded.young`,
);

/** Forgets what was seen in parts of the history that are no more. Parameters: the ones that are. */
export const forgetLooks = statement<[from: Date[], to: Date[]], never>(
  "forget_looks",
  `delete from millrace.history_look l
   where not exists (select from unnest($1::timestamptz[], $2::timestamptz[]) p(from_at, to_at)
     where p.from_at = l.from_at and p.to_at = l.to_at)`,
);

/** Advisory lock of the one pruner at a time. The number is "prun" in ASCII. */
export const PRUNE_LOCK = 0x70_72_75_6e;

/** The database's clock: no process's own decides what is old. */
export const readClock = statement<[], { now: Date }>(
  "read_clock",
  `select clock_timestamp() as now`,
);
