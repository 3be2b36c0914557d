import { type Json, type Trigger, hasLongNumber, jsonLosses } from "@millrace/core";
import { statement } from "./statement.ts";

/** No lease holds more runs than this: their ids stand in one row of `lease`, and must fit its page. */
export const MAX_LEASE = 250;

/** What a claim from `ready` answers: always one row, also when it found nothing. Texts of many runs are read several times as fast as a row for each. */
export interface PlainClaimRow {
  /** JSON, a list of {@link OpenedLease}: each holds {@link MAX_LEASE} of the runs, in order, and the last what is left. Null when nothing was found, as is all the rest. */
  leases: string | null;
  /** Ids of the runs, separated by commas, in the order in which they stood; null when they count up in each parcel from its first. */
  ids: string | null;
  /** Their inputs: JSON texts, one a line: of 500 runs at the most 200 MB, which one string holds. */
  inputs: string | null;
  /** JSON, a list of {@link ClaimedParcel}: to which parcels they belong, in order. */
  parcels: string | null;
  /** The {@link UnusualRun} of those that are, in the order of `ids`: JSON texts separated by commas; null when all are usual. */
  unusual: string | null;
  /** Whether runs of the queues stand before the gate, for which {@link claimGated} may find room. */
  gated: boolean;
}

type OpenedLease = [id: number, at: string];

type ClaimedParcel = [
  runs: number,
  job: string,
  queue: string,
  priority: number,
  startBy: string,
  seq: number,
  waitedMs: number,
  /** The id of its first run, where those of the others count up from it by one. */
  first: string | null,
];

/** Of a run that was started before, has another trigger than most, a correlation id, or a trace. */
type UnusualRun = [
  id: string,
  attempts: number,
  failures: number,
  losses: number,
  trigger: Trigger,
  correlationId: string | null,
  scheduledFor: number | null,
  traceContext: string | null,
];

/** Runs that pass the gate, all of one lease. */
export interface GatedClaimRow {
  lease_id: number;
  /** JSON: a list of {@link GatedRun}. */
  runs: string;
}

/** The values of {@link ClaimedRun}, in the order in which `millrace.claim_gated` gives them. */
type GatedRun = [
  id: string,
  job: string,
  attempts: number,
  failures: number,
  trigger: Trigger,
  correlationId: string | null,
  input: Json,
  parcel: null,
  losses: number,
  passed: [
    key: string,
    queue: string,
    batch: boolean,
    waitedMs: number,
    traceContext: string | null,
  ],
  scheduledFor?: number,
];

/** By what a lease is known again. Its number may be given again where the server has crashed. */
export interface Opening {
  /** To the microsecond, as the database writes it. */
  at: string;
  runs: number;
}

export interface ClaimedRun {
  leaseId: number;
  /** Which of the runs of its lease it is, from 0. */
  place: number;
  /** The opening of that lease, one object for all of its runs; null where it is never settled whole. */
  opening: Opening | null;
  id: string;
  job: string;
  queue: string;
  /** Attempts that have ended. */
  attempts: number;
  /** Those of them that failed. */
  failures: number;
  /** Attempts that were lost with their worker, or that crashed. */
  losses: number;
  trigger: Trigger;
  correlationId: string | null;
  /** The trace that it carries, as it is stored. */
  traceContext: string | null;
  input: Json;
  /** What of the input is not as it is stored: a number that a double cannot hold, which came in by SQL. */
  lost: string | undefined;
  /** For how long it could have started, by the database's clock. Of runs of one parcel, as long as the first. */
  waitedMs: number;
  /** Level and place of its parcel, on the parcel's last run only: nobody reads 250 copies. */
  parcel: ParcelPlace | null;
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

/** The runs of a claim from `ready`, in order. */
export function readPlainClaim(row: PlainClaimRow | undefined): ClaimedRun[] {
  if (!row || row.leases === null) return [];
  const parcels = JSON.parse(row.parcels!) as ClaimedParcel[];
  const ids = row.ids?.split(",") ?? parcels.flatMap(idsCountingUp);
  const leases = (JSON.parse(row.leases) as OpenedLease[]).map(([id, at], n) => ({
    id,
    opening: { at, runs: Math.min(MAX_LEASE, ids.length - n * MAX_LEASE) },
  }));
  const text = `[${row.inputs!.replaceAll("\n", ",")}]`;
  const inputs = JSON.parse(text) as Json[];
  const lost = hasLongNumber(text) ? lossesIn(text, 1) : undefined;
  const runs: ClaimedRun[] = [];
  for (const [count, job, queue, priority, startBy, seq, waitedMs] of parcels) {
    for (const end = runs.length + count; runs.length < end;) {
      const n = runs.length;
      const lease = leases[Math.floor(n / MAX_LEASE)]!;
      runs.push({
        leaseId: lease.id,
        place: n % MAX_LEASE,
        opening: lease.opening,
        id: ids[n]!,
        job,
        queue,
        attempts: 0,
        failures: 0,
        losses: 0,
        trigger: "api",
        correlationId: null,
        traceContext: null,
        input: inputs[n]!,
        lost: lost?.get(n),
        waitedMs,
        parcel: n + 1 === end ? { queue, priority, startBy, seq } : null,
        passed: null,
        scheduledFor: undefined,
      });
    }
  }
  if (row.unusual !== null) tellUnusual(runs, ids, row.unusual);
  return runs;
}

/** As `millrace.enqueue_alike` made them: three digits of the id count. */
function idsCountingUp([count, , , , , , , first]: ClaimedParcel): string[] {
  const head = first!.slice(0, 15);
  const tail = first!.slice(18);
  const from = Number.parseInt(first!.slice(15, 18), 16);
  return Array.from({ length: count }, (_, n) => head + THREE_DIGITS[from + n] + tail);
}

const THREE_DIGITS = Array.from({ length: 4096 }, (_, n) => n.toString(16).padStart(3, "0"));

/** @param texts of {@link PlainClaimRow.unusual} */
function tellUnusual(runs: readonly ClaimedRun[], ids: readonly string[], texts: string): void {
  let next = 0;
  for (const unusual of JSON.parse(`[${texts}]`) as UnusualRun[]) {
    const [id, attempts, failures, losses, trigger, correlationId, scheduled, traceContext] =
      unusual;
    const n = ids.indexOf(id, next);
    const scheduledFor = scheduled ?? undefined;
    Object.assign(runs[n]!, {
      ...{ attempts, failures, losses, trigger, correlationId, scheduledFor, traceContext },
    });
    next = n + 1;
  }
}

/** The runs of one lease that passed the gate. */
export function readGatedClaim({ lease_id: leaseId, runs }: GatedClaimRow): ClaimedRun[] {
  const lost = hasLongNumber(runs) ? lossesIn(runs, 2) : undefined;
  return (JSON.parse(runs) as GatedRun[]).map(
    (
      [id, job, attempts, failures, trigger, correlationId, input, , losses, passed, scheduledFor],
      index,
    ) => ({
      leaseId,
      place: index,
      opening: null,
      id,
      job,
      queue: passed[1],
      attempts,
      failures,
      losses,
      trigger,
      correlationId,
      traceContext: passed[4],
      input,
      lost: lost?.get(index),
      waitedMs: passed[3],
      parcel: null,
      passed: { key: passed[0], queue: passed[1], batch: passed[2] },
      scheduledFor,
    }),
  );
}

/**
 * What a claim's inputs lose when they are parsed, by the place of the run.
 *
 * @param depth at which the inputs lie in the text
 */
function lossesIn(text: string, depth: number): Map<number, string> {
  const lost = new Map<number, string>();
  for (const { path, why } of jsonLosses(text)) {
    const run = path[0];
    const inside = path.slice(depth);
    if (!lost.has(Number(run))) {
      lost.set(Number(run), `${inside.map((part) => `/${part}`).join("") || "it"}: ${why}`);
    }
  }
  return lost;
}

/** What a run's id, made by `millrace.enqueue_alike`, was given beside the time: the number by which those of one call count up. */
const counter = (id: string) =>
  `((get_byte(uuid_send(${id}), 6) & 15) * 256 + get_byte(uuid_send(${id}), 7))`;

/** And what they have in common, and nobody else: 62 random bits. */
const tail = (id: string) => `substr(uuid_send(${id}), 9)`;

/**
 * Takes parcels and opens leases over their runs. The parts:
 * - picked: locks parcels. MATERIALIZED, because a LIMIT in a sub-select that the planner may repeat takes too many.
 * - taken: as many of their runs as there are free slots; the last parcel is split.
 * - emptied, split: what is left stays in `ready` at its old place.
 * - sought: the runs of a parcel that were made at once, and of which none has been taken out: their ids count up by one, so that
 *   those between the first and the last which end alike are they, and a short scan finds them. Others by themselves.
 * - opened: reads the runs; one that was cancelled while it waited falls out here, and so does one that has expired.
 * - listed: their texts in order.
 * - kind: what is as it nearly always is, is not said: how many runs of a parcel are there still, and ids that count up.
 * - held: the leases. The commit is not waited for on disk: a claim that a crash of the server takes away was promised to
 *   nobody, and its runs stand in `ready` again. (A lease number may then be given again; the fence asks for the worker
 *   as well.)
 * Each group is looked up by itself, which the OFFSET sees to, in the one partition that its bounds leave: a list of ids
 * would be looked for in every partition, and a plain join, where statistics tell of many parcels and not too long a history,
 * is planned as a hash join that reads the whole history (100 ms a claim at 200,000 runs in 14 partitions; 1 ms as it is).
 */
function claimText(picked: string): string {
  return `
    with picked as materialized (${picked}),
    counted as (
      select *, cardinality(run_ids) as n, row_number() over ordered as parcel,
        coalesce(sum(cardinality(run_ids)) over (ordered rows between unbounded preceding and 1 preceding), 0) as before
      from picked window ordered as (order by turn, priority desc, start_by, seq)
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
    told_apart as materialized (
      select *, alike and ${counter("run_ids[take]")} - ${counter("run_ids[1]")} = take - 1 as consecutive from taken
    ),
    sought as (
      select parcel, run_ids[1] as low, run_ids[take] as high, ${tail("run_ids[1]")} as tail
      from told_apart where consecutive
      union all
      select t.parcel, u.id, u.id, null from told_apart t, unnest(t.run_ids[:t.take]) u(id) where not t.consecutive
    ),
    opened as materialized (
      select s.parcel, r.id, r.input::text as input, case
          when r.attempts > 0 or r.trigger <> 'api' or r.correlation_id is not null or r.trace_context is not null
            then json_build_array(r.id, r.attempts, r.failures, r.losses, r.trigger, r.correlation_id,
              floor(extract(epoch from r.scheduled_for) * 1000)::bigint, r.trace_context)::text
        end as unusual
      from sought s cross join lateral (
        select * from millrace.run
        where id between s.low and s.high and (s.tail is null or ${tail("id")} = s.tail) offset 0
      ) r
      where r.state is null and (r.expires_at is null or r.attempts > 0 or r.expires_at > clock_timestamp())
    ),
    listed as materialized (
      select array_agg(o.id) as ids, string_agg(o.input, e'\\n') as inputs,
        string_agg(o.unusual, ',') as unusual
      from (select * from opened order by parcel, id) o
    ),
    held as (
      insert into millrace.lease (worker_id, run_ids)
      select $1, l.ids[n : n + ${MAX_LEASE - 1}] from listed l, generate_series(1, cardinality(l.ids), ${MAX_LEASE}) n order by n
      returning id, claimed_at, set_config('synchronous_commit', 'off', true)
    )
    select (select json_agg(json_build_array(id, claimed_at::text) order by id)::text from held) as leases,
      case when not (all_there and all_consecutive) then array_to_string(ids, ',') end as ids, inputs, unusual,
      (select json_agg(json_build_array(coalesce(o.runs, t.take), t.job, t.queue, t.priority, t.start_by::text, t.seq,
          round(extract(epoch from clock_timestamp() - t.since) * 1000), case when t.consecutive then t.run_ids[1] end) order by parcel)::text
        from told_apart t left join (select parcel, count(*) as runs from opened where not all_there group by parcel) o using (parcel)
        where case when all_there then t.take > 0 else o.runs > 0 end) as parcels,
      exists (select from millrace.lane l where l.queue = any ($3) and not l."full")
        or exists (select from millrace.ready r where r.gated and r.queue = any ($3)) as gated
    from listed, lateral (
      select cardinality(ids) = sum(take) as all_there, bool_and(consecutive) as all_consecutive from told_apart
    ) kind`;
}

/** A queue whose runs pass the gate may still hold some that came before it had a limit; these are filed first. */
const QUEUE_OPEN = `not exists (
      select from millrace.queue p
      where p.name = q.name and (p.gated or p.paused_at is not null and (p.paused_until is null or p.paused_until > clock_timestamp())))`;

/** Those of the worker's jobs whose runs do not pass the gate, as they are at this moment. */
const PLAIN_JOBS = `array(
        select j.name from unnest($4::text[]) n(name) join millrace.job j on j.name = n.name where not j.gated)`;

/** What is pinned to a version is for workers that can run that. */
const RUNNABLE = `(r.version is null or r.job || '@' || r.version = any ($4))`;

/**
 * Claims from the very front of the queues. `ready_order` gives each queue's parcels in the order of priority and age.
 *
 * Parameters: worker id; free slots; queues, in the order in which they may take slots; what the worker can run: jobs, and
 * `job@version` for each version of theirs; how many parcels of a queue to look at, at the most.
 */
export const claimFromFront = statement<
  [worker: number, free: number, queues: string[], jobs: string[], parcels: number],
  PlainClaimRow
>(
  "claim_from_front",
  claimText(`
    select q.turn, r.queue, r.priority, r.start_by, r.seq, r.job, r.run_ids, r.alike, r.since
    from unnest($3::text[]) with ordinality q(name, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and not r.gated and r.job = any (${PLAIN_JOBS}) and ${RUNNABLE}
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
    select q.turn, r.queue, r.priority, r.start_by, r.seq, r.job, r.run_ids, r.alike, r.since
    from rows from (unnest($3::text[]), unnest($6::smallint[]), unnest($7::timestamptz[]), unnest($8::bigint[]))
      with ordinality q(name, priority, start_by, seq, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and r.priority = q.priority and (r.start_by, r.seq) >= (q.start_by, q.seq) and not r.gated
        and r.job = any (${PLAIN_JOBS}) and ${RUNNABLE}
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
  GatedClaimRow
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
