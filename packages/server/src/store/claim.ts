import { type Json, type Trigger, hasLongNumber, jsonLosses } from "@millrace/core";
import { statement } from "./statement.ts";

/** All runs of one lease in one row of text, which is read several times as fast as a row for each. */
export interface ClaimRow {
  lease_id: number;
  /** JSON: a list of {@link ClaimedColumns}. */
  runs: string;
}

/** What a claim from `ready` answers: always one row, also when it found nothing. */
export interface PlainClaimRow {
  lease_id: number | null;
  runs: string | null;
  /** Whether runs of the queues stand before the gate, for which {@link claimGated} may find room. */
  gated: boolean;
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
  parcel: [queue: string, priority: number, startBy: string, seq: number] | null,
  losses: number,
  passed?: [key: string, queue: string, batch: boolean] | null,
  scheduledFor?: number,
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
  /** What of the input is not as it is stored: a number that a double cannot hold, which came in by SQL. */
  lost?: string;
  /** Level and place of its parcel, on the parcel's last run only: nobody reads 250 copies. */
  parcel: ParcelPlace | null;
  /** Attempts that were lost with their worker, or that crashed. */
  losses: number;
  /** How it passed the gate; null for a run that no limit concerns. */
  passed: { key: string; queue: string; batch: boolean } | null;
  /** The nominal time of the occurrence that it was made for, in milliseconds of Unix time; undefined without a schedule. */
  scheduledFor: number | undefined;
}

/** Where a parcel stands in the order of its queue. */
export interface ParcelPlace {
  queue: string;
  priority: number;
  /** To the microsecond, as the database writes it. */
  startBy: string;
  seq: number;
}

/** The runs of one lease. */
export function readClaim({ lease_id: leaseId, runs }: ClaimRow): ClaimedRun[] {
  const lost = hasLongNumber(runs) ? lossesIn(runs) : undefined;
  return (JSON.parse(runs) as ClaimedColumns[]).map(
    (
      [
        id,
        job,
        attempts,
        failures,
        trigger,
        correlationId,
        input,
        parcel,
        losses,
        passed,
        scheduledFor,
      ],
      index,
    ) => ({
      leaseId,
      id,
      job,
      attempts,
      failures,
      trigger,
      correlationId,
      input,
      ...(lost?.has(index) && { lost: lost.get(index)! }),
      parcel: parcel && {
        queue: parcel[0],
        priority: parcel[1],
        startBy: parcel[2],
        seq: parcel[3],
      },
      losses,
      passed: passed ? { key: passed[0], queue: passed[1], batch: passed[2] } : null,
      scheduledFor,
    }),
  );
}

/** What a claim's inputs lose when they are parsed, by the place of the run. */
function lossesIn(runs: string): Map<number, string> {
  const lost = new Map<number, string>();
  for (const { path, why } of jsonLosses(runs)) {
    const [run, , ...inside] = path;
    if (!lost.has(Number(run))) {
      lost.set(Number(run), `${inside.map((part) => `/${part}`).join("") || "it"}: ${why}`);
    }
  }
  return lost;
}

/**
 * Takes parcels and opens one lease over their runs. The parts:
 * - picked: locks parcels. MATERIALIZED, because a LIMIT in a sub-select that the planner may repeat takes too many.
 * - taken: as many of their runs as there are free slots; the last parcel is split.
 * - emptied, split: what is left stays in `ready` at its old place.
 * - opened: reads the runs; one that was cancelled while it waited falls out here, and so does one that has expired.
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
        order by turn, priority desc, start_by, seq rows between unbounded preceding and 1 preceding), 0) as before
      from picked
    ),
    taken as materialized (
      select *, least(n, $2 - before)::int as take from counted where before < $2
    ),
    emptied as (
      delete from millrace.ready r using taken t
      where r.queue = t.queue and r.priority = t.priority and r.start_by = t.start_by and r.seq = t.seq and not r.gated
        and t.take = t.n
    ),
    split as (
      update millrace.ready r set run_ids = r.run_ids[t.take + 1:] from taken t
      where r.queue = t.queue and r.priority = t.priority and r.start_by = t.start_by and r.seq = t.seq and not r.gated
        and t.take < t.n
    ),
    claimed as materialized (
      select u.run_id, t.before + u.place as place,
        case when u.place = t.take then json_build_array(t.queue, t.priority, t.start_by::text, t.seq)::text else 'null' end as parcel
      from taken t, unnest(t.run_ids[:t.take]) with ordinality u(run_id, place)
    ),
    opened as materialized (
      select r.id, c.place, '["' || r.id || '","' || r.job || '",' || r.attempts || ',' || r.failures || ',"' || r.trigger
        || '",' || coalesce(to_json(r.correlation_id)::text, 'null') || ',' || r.input || ',' || c.parcel || ',' || r.losses
        || coalesce(',null,' || floor(extract(epoch from r.scheduled_for) * 1000)::bigint, '') || ']' as columns
      from claimed c join millrace.run r on r.id = c.run_id
      where r.state is null and (r.expires_at is null or r.attempts > 0 or r.expires_at > clock_timestamp())
    ),
    held as (
      insert into millrace.lease (worker_id, run_ids)
      select $1, array_agg(id) from opened having count(*) > 0
      returning id, set_config('synchronous_commit', 'off', true)
    )
    select h.id as lease_id, '[' || (select string_agg(columns, ',' order by place) from opened) || ']' as runs,
      exists (select from millrace.lane l where l.queue = any ($3) and not l."full")
        or exists (select from millrace.ready r where r.gated and r.queue = any ($3)) as gated
    from (select) one left join held h on true`;
}

/** A queue whose runs pass the gate may still hold some that came before it had a limit; these are filed first. */
const QUEUE_OPEN = `not exists (
      select from millrace.queue p
      where p.name = q.name and (p.gated or p.paused_at is not null and (p.paused_until is null or p.paused_until > clock_timestamp())))`;

/** Those of the worker's jobs whose runs do not pass the gate, as they are at this moment. */
const PLAIN_JOBS = `array(
        select j.name from unnest($4::text[]) n(name) join millrace.job j on j.name = n.name where not j.gated)`;

/**
 * Claims from the very front of the queues. `ready_order` gives each queue's parcels in the order of priority and age.
 *
 * Parameters: worker id; free slots; queues, in the order in which they may take slots; jobs that the worker knows; how
 * many parcels of a queue to look at, at the most.
 */
export const claimFromFront = statement<
  [worker: number, free: number, queues: string[], jobs: string[], parcels: number],
  PlainClaimRow
>(
  "claim_from_front",
  claimText(`
    select q.turn, r.queue, r.priority, r.start_by, r.seq, r.run_ids
    from unnest($3::text[]) with ordinality q(name, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and not r.gated and r.job = any (${PLAIN_JOBS})
      order by r.priority desc, r.start_by, r.seq limit $5
      for update skip locked
    ) r
    where ${QUEUE_OPEN}`),
);

/**
 * Claims from where the last claim ended, so that it need not walk over the dead entries of what was taken before: under
 * a long snapshot these stay, and a scan from the front gets slower with every claim. What stands before that place (an
 * earlier deadline, or a parcel that was committed later) is found by {@link claimFromFront}, which a worker uses at least once a second.
 *
 * Parameters: as above, but one element per known level: its queue, its priority, the first place to look at.
 */
export const claimFromLow = statement<
  [
    worker: number,
    free: number,
    queues: string[],
    jobs: string[],
    parcels: number,
    priorities: number[],
    lowStarts: string[],
    lowSeqs: number[],
  ],
  PlainClaimRow
>(
  "claim_from_low",
  claimText(`
    select q.turn, r.queue, r.priority, r.start_by, r.seq, r.run_ids
    from rows from (unnest($3::text[]), unnest($6::smallint[]), unnest($7::timestamptz[]), unnest($8::bigint[]))
      with ordinality q(name, priority, start_by, seq, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and r.priority = q.priority and (r.start_by, r.seq) >= (q.start_by, q.seq) and not r.gated
        and r.job = any (${PLAIN_JOBS})
      order by r.start_by, r.seq limit $5
      for update skip locked
    ) r
    where ${QUEUE_OPEN}`),
);

/**
 * Claims runs that pass the gate, as far as their limits let them start; a lease for each lane. `behind` is whether to take
 * also those that come after what `ready` has at its front.
 */
export const claimGated = statement<
  [worker: number, free: number, queues: string[], jobs: string[], behind: boolean],
  ClaimRow
>("claim_gated", `select lease_id, runs from millrace.claim_gated($1, $2, $3, $4, $5)`);

/** How long until a rate or an unfilled batch lets the next run start, in milliseconds; null when nothing waits for time. */
export const nextOpening = statement<[queues: string[], jobs: string[]], { in_ms: number | null }>(
  "next_opening",
  `select greatest(0, extract(epoch from min(o.at) - n.at) * 1000)::float8 as in_ms
   from (select clock_timestamp() as at) n cross join lateral (
     select l.not_before as at from millrace.lane l
     where l.queue = any ($1) and l.job = any ($2) and not l."full" and l.not_before > '-infinity'
     union all
     select millrace.startable_at(millrace.tokens('queue', q.name, '', q.rate, n.at), q.rate, 1, n.at)
     from millrace.queue q
     where q.name = any ($1) and q.rate is not null and exists (select from millrace.lane l where l.queue = q.name)
     union all
     select millrace.startable_at(millrace.tokens('job', j.name, '', j.flow -> 'jobRate', n.at), j.flow -> 'jobRate', 1, n.at)
     from millrace.job j
     where j.name = any ($2) and j.flow ? 'jobRate' and exists (select from millrace.lane l where l.job = j.name)
   ) o
   where o.at > n.at - interval '50 milliseconds'
   group by n.at`,
);
