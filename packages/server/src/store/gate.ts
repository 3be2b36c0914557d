import { noteCancelled } from "./ends.ts";
import { statement } from "./statement.ts";

/** Files parcels that came in for the gate; answers how many. Parameter: how many at the most. */
export const fileParcels = statement<[max: number], { filed: number }>(
  "file_parcels",
  `select case when exists (select from millrace.ready where gated) then millrace.file($1) else 0 end as filed`,
);

/**
 * Cancels runs that have not started in time, 5,000 at the most, and takes them from where they stand. A second late,
 * so that a claim which saw the run in time has committed. One that has started is left alone: its time is the timeout.
 * Answers how many were due, and how many were cancelled.
 */
export const expireDue = statement<[], { due: number; expired: number }>(
  "expire_due",
  `with due as materialized (
      select run_id from millrace.expiry
      where expires_at <= (select clock_timestamp() - interval '1 second') order by expires_at limit 5000 for update skip locked
    ),
    gone as (
      delete from millrace.expiry where run_id = any (array(select run_id from due))
    ),
    running as materialized (
      select u.run_id from millrace.lease l cross join unnest(l.run_ids) u(run_id) join due d on d.run_id = u.run_id
    ),
    ended as (
      update millrace.run r set state = 'cancelled', finished_at = clock_timestamp()
      from due d
      where r.id = any (array[d.run_id]) and r.state is null and r.attempts = 0 and not exists (select from running g where g.run_id = r.id)
      returning r.id, r.job, r.queue, r.compensates
    ),
    noted as (
      insert into millrace.event (run_id, event, actor, detail)
      select id, 'expired', 'millrace', '{"reason": "it did not start within its time to live"}' from ended
    ),
    counted as (${noteCancelled("ended")}
    ),
    untimed as (
      delete from millrace.timer where run_id = any (array(select id from ended))
    ),
    in_ready as materialized (
      select distinct r.queue, r.seq from millrace.ready r cross join unnest(r.run_ids) u(id) join ended e on e.id = u.id
    ),
    left_ready as (
      update millrace.ready r
      set run_ids = array(select u.id from unnest(r.run_ids) with ordinality u(id, n)
        where not exists (select from ended e where e.id = u.id) order by u.n)
      from in_ready i where r.queue = i.queue and r.seq = i.seq
    ),
    in_gate as materialized (
      select distinct g.job, g.key, g.queue, g.seq
      from millrace.gate g cross join unnest(g.run_ids) u(id) join ended e on e.id = u.id
    ),
    left_gate as (
      update millrace.gate g
      set run_ids = array(select u.id from unnest(g.run_ids) with ordinality u(id, n)
        where not exists (select from ended e where e.id = u.id) order by u.n)
      from in_gate i where g.job = i.job and g.key = i.key and g.queue = i.queue and g.seq = i.seq
    )
    select (select count(*)::int from due) as due, (select count(*)::int from ended) as expired`,
);

/**
 * Marks runs that stand in `ready` as if no limit concerned them: their transaction began before their job or queue had
 * one. No claim takes them as they are. The scan follows the backlog, so it is made once in a while.
 */
export const markStragglers = statement<[], { marked: number }>(
  "mark_stragglers",
  `with marked as (
      update millrace.ready r set gated = true
      where not r.gated and (
        r.job = any (array(select name from millrace.job where gated))
        or r.queue = any (array(select name from millrace.queue where gated)))
      returning 1
    )
    select count(*)::int as marked from marked`,
);

/**
 * Opens lanes that say they are full and are not: the end of a lease does so by itself, but cannot see a lane that is made
 * at that very moment. One look at all leases, whatever the number of lanes.
 */
export const openLanes = statement<[], { queue: string }>(
  "open_lanes",
  `with held as materialized (
      select job, key, sum(case when batch then 1 else cardinality(run_ids) end) as runs
      from millrace.lease where job is not null group by job, key
    ),
    opened as (
      update millrace.lane l set "full" = false
      from millrace.job j
      where l."full" and j.name = l.job and not exists (
        select from held h where h.job = l.job and h.key = l.key and h.runs >= (j.flow ->> 'keyLimit')::int)
      returning l.queue
    )
    select distinct queue from opened`,
);

/**
 * Has lanes looked at anew, because what limits them has changed: each remembers what the last claim found. Locked in the
 * order in which settling locks them. Parameters: all lanes of these jobs, and of these queues.
 */
export const reopenLanes = statement<[jobs: string[], queues: string[]], never>(
  "reopen_lanes",
  `with shut as materialized (
      select job, key, queue from millrace.lane
      where (job = any ($1) or queue = any ($2)) and ("full" or not_before > '-infinity')
      order by job, key, queue for update
    )
    update millrace.lane l set "full" = false, not_before = '-infinity' from shut s
    where l.job = s.job and l.key = s.key and l.queue = s.queue`,
);

/** Forgets pauses that are over, and decides anew about the gate of their jobs. */
export const endPauses = statement<[], { jobs: number }>(
  "end_pauses",
  `with ended as (
      delete from millrace.pause where until <= (select clock_timestamp() - interval '1 minute') returning job
    )
    select count(*)::int as jobs from ended`,
);

/** Forgets which run calls became whose time is long over. Bounded. */
export const forgetCollapsed = statement<[], never>(
  "forget_collapsed",
  `delete from millrace.collapse where (job, key) in (
     select job, key from millrace.collapse where until < (select clock_timestamp() - interval '1 day') order by until limit 1000 for update skip locked)`,
);

/** Forgets buckets that have long been full again: no rate is longer than 30 days. Bounded. */
export const forgetBuckets = statement<[], never>(
  "forget_buckets",
  `delete from millrace.bucket where (scope, name, key) in (
     select scope, name, key from millrace.bucket
     where at < (select clock_timestamp() - interval '31 days') and tokens >= 0 order by at limit 1000 for update skip locked)`,
);

/**
 * Gives back what runs were charged too much at their start, or charges what was too little. It waits for its turn by the
 * locks that `millrace.claim_gated` takes: those of jobs and queues, by name, before those of keys, for which a claim never
 * waits. The buckets themselves lie in another order for a claim, lane by lane.
 */
export const settleCosts = statement<
  [jobs: string[], keys: string[], queues: string[], refunds: number[]],
  never
>(
  "settle_costs",
  `with refund as materialized (
      select scope, name, key, sum(refund) as refund from (
        select c.scope, case c.scope when 'queue' then s.queue else s.job end as name,
          case c.scope when 'key' then s.key else '' end as key, s.refund
        from unnest($1::text[], $2::text[], $3::text[], $4::float8[]) s(job, key, queue, refund)
        cross join (values ('job'), ('key'), ('queue')) c(scope)
      ) each
      group by scope, name, key
    ),
    shared as materialized (
      select pg_advisory_xact_lock(20557, hashtext(name)) from (
        select r.scope || ' ' || r.name as name from refund r join millrace.bucket b using (scope, name, key)
        where r.scope <> 'key' order by 1
      ) n
    ),
    keyed as materialized (
      select pg_advisory_xact_lock(20558, k.hash) from (
        select hashtext(r.name || ' ' || r.key) as hash from refund r join millrace.bucket b using (scope, name, key)
        where r.scope = 'key' and (select count(*) from shared) >= 0 order by 1
      ) k
    )
    update millrace.bucket b set tokens = b.tokens + r.refund
    from refund r
    where (select count(*) from keyed) >= 0 and b.scope = r.scope and b.name = r.name and b.key = r.key`,
);
