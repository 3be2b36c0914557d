import { noteEnds } from "./ends.ts";
import { OPEN_LANES, intoReady, pinned } from "./ready.ts";
import { statement } from "./statement.ts";

/** A run that was taken back. */
export interface TakenBackRow {
  run_id: string;
  worker_id: number;
  job: string;
  queue: string;
  /** How it has ended; null for one that will be tried again. */
  state: string | null;
}

/**
 * Takes back leases. Each run's attempt ends as lost, and the run goes to the back of its queue; or is cancelled, when that was asked for.
 * A run that had neighbours never becomes a dead letter here: any of them may have killed the worker. One that was executed away from
 * others does, when that happened too often.
 *
 * @param which tells leases `l` of workers that are lost or gone from others of those
 */
const takingBack = (which: string) => `with orphaned as materialized (
      select l.id from millrace.lease l join millrace.worker w on w.id = l.worker_id
      where w.state in ('lost', 'gone') ${which} for update of l skip locked
    ),
    ended as (
      delete from millrace.lease where id = any (array(select id from orphaned))
      returning worker_id, claimed_at, run_ids, unwanted, job, key, alone, apart
    ),
    held as materialized (select * from ended),
    ${OPEN_LANES},
    lost as materialized (
      select e.worker_id, e.claimed_at, u.run_id, u.run_id = any (e.unwanted) as unwanted, u.run_id = any (e.alone) as alone,
        u.run_id = any (e.alone || e.apart) as suspect
      from held e cross join unnest(e.run_ids) u(run_id)
    ),
    judged as materialized (
      select l.*, case when l.unwanted then 'cancelled' when c.poison then 'failed' end::millrace.run_state as final
      from lost l
      left join lateral (
        select l.alone and r.losses + 1 >= $1 and c.proven + 1 >= $2 or c.apart + 1 >= $3 as poison
        from (select id, losses from millrace.run where id = l.run_id limit 1) r cross join millrace.crashes(r.id) c
        where l.suspect
      ) c on true
    ),
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1, losses = r.losses + 1, version = ${pinned("l")},
        state = l.final,
        started_at = case when l.final is not null then l.claimed_at end,
        finished_at = case when l.final is not null then clock_timestamp() end,
        worker_id = case when l.final is not null then l.worker_id end
      from judged l where r.id = any (array[l.run_id]) and r.state is null
      returning r.id, r.attempts, r.losses, r.job, r.queue, r.priority, r.version, r.state, r.compensates, l.worker_id, l.claimed_at, l.alone, l.suspect
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, error_class, error_message, evidence)
      select id, attempts, 'lost', worker_id, claimed_at, 'WorkerLost', 'worker ' || worker_id || ' died or lost touch while it ran this',
        case when suspect then jsonb_build_object('died', 'worker', 'lane', case when alone then 'alone' else 'process' end,
          'exitCode', null, 'signal', null, 'outOfMemory', false, 'memoryBytes', null, 'memoryLimitBytes', null,
          'lastLine', null, 'said', null) end
      from moved
    ),
    dead as (
      insert into millrace.dead_letter (run_id, job, queue, error_class, error_message, fingerprint)
      select id, job, queue, 'WorkerLost', 'its worker died ' || losses || ' times while it ran, the last time while '
        || case when alone then 'nothing else did' else 'it had a process of its own' end, $4
      from moved where state = 'failed'
    ),
    counted as (${noteEnds(`
        select id, job, coalesce(state::text, 'lost') as outcome, compensates, $4 as fingerprint, 'WorkerLost' as error_class, version, worker_id
        from moved`)}
    ),
    queued as (
      ${intoReady(`select queue, priority, job, version, array_agg(id order by id) as run_ids
      from (
        select *, (row_number() over (partition by queue, priority, job, version order by id) - 1) / 250 as parcel
        from moved where state is null
      ) chunk
      group by queue, priority, job, version, parcel`)}
    )
    select id as run_id, worker_id, job, queue, state::text from moved`;

/** The parameters of engine/poison.ts; the fingerprint of a dead letter that comes of it. */
type Judging = [maxCrashes: number, minProven: number, maxLostApart: number, fingerprint: string];

/**
 * Takes back a hundred leases of workers that are lost or gone. A lease that such a worker opened while it was being declared lost is found
 * by the next sweep.
 */
export const takeBack = statement<Judging, TakenBackRow>(
  "take_back",
  takingBack("order by l.id limit 100"),
);

/** The same of one lease. */
export const takeBackOne = statement<[...Judging, lease: number], TakenBackRow>(
  "take_back_one",
  takingBack("and l.id = $5"),
);

/** The leases of workers that are lost or gone, and their runs. */
export const listLost = statement<[], { id: number; run_ids: string[] }>(
  "list_lost",
  `select l.id, l.run_ids from millrace.lease l join millrace.worker w on w.id = l.worker_id
   where w.state in ('lost', 'gone') order by l.id`,
);

/** Makes of the lease of a worker that is lost or gone one for each of its runs. */
export const splitLost = statement<[lease: number], { id: number; run_id: string }>(
  "split_lost",
  `with orphaned as materialized (
      select l.id from millrace.lease l join millrace.worker w on w.id = l.worker_id
      where w.state in ('lost', 'gone') and l.id = $1 for update of l skip locked
    ),
    ended as (
      delete from millrace.lease where id = any (array(select id from orphaned)) returning *
    )
    insert into millrace.lease (worker_id, claimed_at, run_ids, unwanted, job, key, queue, batch, alone, apart)
    select e.worker_id, e.claimed_at, array[u.id], case when u.id = any (e.unwanted) then array[u.id] else '{}' end, e.job, e.key, e.queue,
      e.batch, case when u.id = any (e.alone) then array[u.id] else '{}' end, case when u.id = any (e.apart) then array[u.id] else '{}' end
    from ended e cross join unnest(e.run_ids) u(id)
    returning id, run_ids[1] as run_id`,
);
