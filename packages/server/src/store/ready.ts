/**
 * Puts parcels into `ready`: `from` gives queue, priority, job, version and run_ids, in the order in which they shall stand. The
 * deadline that orders them, and whether they pass the gate, come from their job and queue.
 */
export function intoReady(from: string): string {
  return `insert into millrace.ready (queue, priority, job, version, run_ids, gated, start_by)
      select p.queue, p.priority, p.job, p.version, p.run_ids, millrace.is_gated(p.job, p.queue), clock_timestamp()
        + coalesce((select j.start_within from millrace.job j where j.name = p.job), interval '10 minutes')
      from (${from}) p`;
}

/**
 * Opens the lanes of keys whose runs leave their leases; `held` gives the leases (job, key), locked. Locked in one order,
 * and whether they are full or not: a claim that is about to close one is waited for.
 */
export const OPEN_LANES = `
    lanes as materialized (
      select n.job, n.key, n.queue from millrace.lane n
      join (select distinct job, key from held where job is not null) k on k.job = n.job and k.key = n.key
      order by n.job, n.key, n.queue for update of n
    ),
    opened_lanes as (
      update millrace.lane n set "full" = false from lanes k where n.job = k.job and n.key = k.key and n.queue = k.queue
    )`;

/**
 * The version to which the run `r` is pinned once its attempt has ended: as soon as the attempt has put something on record, that of the
 * worker that made it. Not before, though other code may have left something: that code may be the only one which can go on with it.
 * Looked up with limits, because an EXISTS may be planned as a hash of all there are.
 *
 * @param attempt a row with its worker_id and claimed_at; in `r` it is not counted yet
 */
export const pinned = (attempt: string) => `coalesce(r.version, (
          select w.versions -> r.job ->> 'is' from millrace.worker w
          where w.id = ${attempt}.worker_id and w.versions ? r.job and coalesce(
            (select true from millrace.step s where s.run_id = r.id and s.attempt = r.attempts + 1 limit 1),
            (select true from millrace.waiter x where x.run_id = r.id and x.asked_at >= ${attempt}.claimed_at limit 1))))`;
