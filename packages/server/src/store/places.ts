import { statement } from "./statement.ts";

/** The first counters: how many runs stand where. */
export const countPlaces = statement<
  [],
  {
    /** May start now. */
    queued: number;
    /** A limit, a rate, a pause or an unfilled batch holds them back. */
    gated: number;
    running: number;
    scheduled: number;
    /** Of those, after a failure. */
    retrying: number;
    /** Their steps wait, or they are parked. */
    waiting: number;
    /** Of those, for a time. */
    sleeping: number;
    /** Their code does not come to what they have on record. */
    parked: number;
    dead_letters: number;
    /** Effects of which a person must say whether they happened. */
    doubts: number;
    /** Approvals that are asked for, and that nobody has answered. */
    approvals: number;
    oldest_seconds: number;
  }
>(
  "count_places",
  `select
     (select coalesce(sum(cardinality(run_ids)), 0)::int from millrace.ready) as queued,
     (select coalesce(sum(cardinality(run_ids)), 0)::int from millrace.gate) as gated,
     (select coalesce(sum(cardinality(run_ids)), 0)::int from millrace.lease) as running,
     t.scheduled, t.retrying, t.waiting, t.sleeping, t.parked,
     (select count(*)::int from millrace.dead_letter where handled_at is null) as dead_letters,
     (select count(*)::int from millrace.waiter where doubt is not null and met_at is null) as doubts,
     (select count(*)::int from millrace.waiter where approval is not null and met_at is null and due_at > clock_timestamp()) as approvals,
     (select coalesce(extract(epoch from clock_timestamp() - least(
       (select min(since) from millrace.ready), (select min(since) from millrace.gate))), 0)::float8) as oldest_seconds
   from (
     select count(*) filter (where reason not in ('sleep', 'wait', 'version'))::int as scheduled,
       count(*) filter (where reason = 'retry')::int as retrying,
       count(*) filter (where reason in ('sleep', 'wait', 'version'))::int as waiting,
       count(*) filter (where reason = 'sleep')::int as sleeping,
       count(*) filter (where reason = 'version')::int as parked
     from millrace.timer
   ) t`,
);
