import type { Json, Trigger } from "@millrace/core";
import { statement } from "./statement.ts";

/** All runs of one claim in one row of text, which is read several times as fast as a row for each. */
export interface ClaimRow {
  lease_id: number;
  /** JSON: a list of {@link ClaimedColumns}. */
  runs: string;
}

/** One claimed run: the values of {@link ClaimedRun}, in the order in which they stand there. */
export type ClaimedColumns = [
  id: string,
  job: string,
  attempts: number,
  failures: number,
  trigger: Trigger,
  correlationId: string | null,
  input: Json,
  parcel: [queue: string, priority: number, seq: number] | null,
];

export interface ClaimedRun {
  leaseId: number;
  id: string;
  job: string;
  /** Attempts that have ended. */
  attempts: number;
  /** Those of them that failed. */
  failures: number;
  trigger: Trigger;
  correlationId: string | null;
  input: Json;
  /** Level and number of its parcel, on the parcel's last run only: nobody reads 250 copies. */
  parcel: { queue: string; priority: number; seq: number } | null;
}

export function readClaim(rows: readonly ClaimRow[]): ClaimedRun[] {
  const [row] = rows;
  if (!row) return [];
  const leaseId = row.lease_id;
  return (JSON.parse(row.runs) as ClaimedColumns[]).map(
    ([id, job, attempts, failures, trigger, correlationId, input, parcel]) => ({
      leaseId,
      id,
      job,
      attempts,
      failures,
      trigger,
      correlationId,
      input,
      parcel: parcel && { queue: parcel[0], priority: parcel[1], seq: parcel[2] },
    }),
  );
}

/**
 * Takes parcels and opens one lease over their runs. The parts:
 * - picked: locks parcels. MATERIALIZED, because a LIMIT in a sub-select that the planner may repeat takes too many.
 * - taken: as many of their runs as there are free slots; the last parcel is split.
 * - emptied, split: what is left stays in `ready` under its old number, so it loses no place.
 * - opened: reads the runs; one that was cancelled while it waited falls out here.
 * - held: the lease. The commit is not waited for on disk: a claim that a crash of the server takes away was promised to
 *   nobody, and its runs stand in `ready` again. (A lease number may then be given again; the fence asks for the worker
 *   as well.)
 * `run` is joined, not asked for a list of ids: a join prunes to the one partition of each id, a list would look for
 * all of them in every partition.
 */
function claimText(picked: string): string {
  return `
    with picked as materialized (${picked}),
    counted as (
      select *, cardinality(run_ids) as n, coalesce(sum(cardinality(run_ids)) over (
        order by turn, priority desc, seq rows between unbounded preceding and 1 preceding), 0) as before
      from picked
    ),
    taken as materialized (
      select *, least(n, $2 - before)::int as take from counted where before < $2
    ),
    emptied as (
      delete from millrace.ready r using taken t
      where r.queue = t.queue and r.priority = t.priority and r.seq = t.seq and t.take = t.n
    ),
    split as (
      update millrace.ready r set run_ids = r.run_ids[t.take + 1:] from taken t
      where r.queue = t.queue and r.priority = t.priority and r.seq = t.seq and t.take < t.n
    ),
    claimed as materialized (
      select u.run_id, t.before + u.place as place,
        case when u.place = t.take then json_build_array(t.queue, t.priority, t.seq)::text else 'null' end as parcel
      from taken t, unnest(t.run_ids[:t.take]) with ordinality u(run_id, place)
    ),
    opened as materialized (
      select r.id, c.place, '["' || r.id || '","' || r.job || '",' || r.attempts || ',' || r.failures || ',"' || r.trigger
        || '",' || coalesce(to_json(r.correlation_id)::text, 'null') || ',' || r.input || ',' || c.parcel || ']' as columns
      from claimed c join millrace.run r on r.id = c.run_id
      where r.state is null
    ),
    held as (
      insert into millrace.lease (worker_id, run_ids)
      select $1, array_agg(id) from opened having count(*) > 0
      returning id, set_config('synchronous_commit', 'off', true)
    )
    select h.id as lease_id, '[' || o.runs || ']' as runs
    from held h, (select string_agg(columns, ',' order by place) as runs from opened) o`;
}

/**
 * Claims from the very front of the queues. `ready_order` gives each queue's parcels in the order of priority and age.
 *
 * Parameters: worker id; free slots; queues, in the order in which they may take slots; jobs that the worker knows; how
 * many parcels of a queue to look at, at the most.
 */
export const claimFromFront = statement<
  [worker: number, free: number, queues: string[], jobs: string[], parcels: number],
  ClaimRow
>(
  "claim_from_front",
  claimText(`
    select q.turn, r.queue, r.priority, r.seq, r.run_ids
    from unnest($3::text[]) with ordinality q(name, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and r.job = any ($4::text[])
      order by r.priority desc, r.seq limit $5
      for update skip locked
    ) r
    where not exists (select from millrace.queue p where p.name = q.name and p.paused_at is not null)`),
);

/**
 * Claims from where the last claim ended, so that it need not walk over the dead entries of what was taken before: under
 * a long snapshot these stay, and a scan from the front gets slower with every claim. What stands before that place (an
 * older number that was committed later) is found by {@link claimFromFront}, which a worker uses at least once a second.
 *
 * Parameters: as above, but one element per known level: its queue, its priority, the first number to look at.
 */
export const claimFromLow = statement<
  [
    worker: number,
    free: number,
    queues: string[],
    jobs: string[],
    parcels: number,
    priorities: number[],
    lows: number[],
  ],
  ClaimRow
>(
  "claim_from_low",
  claimText(`
    select q.turn, r.queue, r.priority, r.seq, r.run_ids
    from rows from (unnest($3::text[]), unnest($6::smallint[]), unnest($7::bigint[]))
      with ordinality q(name, priority, low, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and r.priority = q.priority and r.seq >= q.low and r.job = any ($4::text[])
      order by r.seq limit $5
      for update skip locked
    ) r
    where not exists (select from millrace.queue p where p.name = q.name and p.paused_at is not null)`),
);
