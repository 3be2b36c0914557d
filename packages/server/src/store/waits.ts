import type { StepKind } from "@millrace/core";
import type { PrunedRow } from "./prune-gone.ts";
import { statement } from "./statement.ts";
import { FENCED_STEPS } from "./steps.ts";

/** How a wait stands. */
export interface WaitRow {
  /** What is left of it, in milliseconds, and when it is over. */
  rest_ms: number;
  due_at: Date;
  /** What it waits for has come. */
  met: boolean;
}

export const REST = (due: string) =>
  `greatest(0, extract(epoch from ${due} - clock_timestamp()) * 1000)::float8`;

/** What has no end: the last instant that a wait may name. */
export const NO_END = "'9999-12-31 00:00:00Z'::timestamptz";

/**
 * Notes what steps wait for, through the leases of their runs; one that is on record stays as it was asked for first. Answers
 * one row for each, in order; those that are not held were not noted.
 *
 * Parameters: worker; then of each its lease, run, name, ordinal and kind; how many milliseconds it lasts, or until when, null
 * for no end; and of an event its name, what its payload must have at which paths, and the same as an object that it must contain.
 */
export const askWaits = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    names: string[],
    ordinals: number[],
    kinds: StepKind[],
    forMs: (number | null)[],
    until: (Date | null)[],
    events: (string | null)[],
    matches: (string | null)[],
    patterns: (string | null)[],
  ],
  WaitRow & { held: boolean }
>(
  "ask_waits",
  `with made as materialized (
      -- Of two of a run that were asked for within a microsecond, too, the first is the one that gets what comes first.
      select *, clock_timestamp() + place * interval '1 microsecond' as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::text[], $7::float8[], $8::timestamptz[], $9::text[],
        $10::jsonb[], $11::jsonb[])
        with ordinality m(lease_id, run_id, name, ordinal, kind, for_ms, until_at, event, match, pattern, place)
    ),
    ${FENCED_STEPS},
    asked as (
      insert into millrace.waiter (run_id, name, ordinal, kind, asked_at, due_at, event, shape, match, pattern)
      select run_id, name, ordinal, kind, at, coalesce(until_at, at + for_ms * interval '1 millisecond', ${NO_END}), event,
        case when match is not null then array(select k from jsonb_object_keys(match) k order by k) end, match, pattern
      from fenced
      on conflict do nothing
      returning run_id, name, ordinal, due_at
    )
    select f.place is not null as held, coalesce(${REST("coalesce(a.due_at, w.due_at)")}, 0) as rest_ms,
      coalesce(a.due_at, w.due_at) as due_at, w.met_at is not null as met
    from made m
    left join fenced f on f.place = m.place
    left join asked a on a.run_id = m.run_id and a.name = m.name and a.ordinal = m.ordinal
    left join millrace.waiter w on a.run_id is null and f.place is not null and w.run_id = m.run_id and w.name = m.name
      and w.ordinal = m.ordinal
    order by m.place`,
);

/** Gives waits that have just been noted, and committed, what came before: only so can none of the two miss the other. */
export const lookBack = statement<[runs: string[], names: string[], ordinals: number[]], never>(
  "look_back",
  `select millrace.look_back($1, $2, $3)`,
);

/** What a wait came to, or how it stands. */
export interface TakenRow extends WaitRow {
  held: boolean;
  /** It is over, and on record now; `met` says whether what it waited for has come. */
  taken: boolean;
  /** JSON text. */
  value: string | null;
  /** The value is why children gave nothing. */
  failed: boolean;
}

/**
 * Makes checkpoints of waits that are over, through the leases of their runs. Answers one row for each, in order; the statement may be
 * sent again, when its answer was lost. A wait for an event is over by its time only when somebody has looked since for events that came
 * before: until then it has no time left, and is not taken.
 *
 * Parameters: worker; then of each its lease, run, name, ordinal, number in the run and attempt, and whether somebody has looked since.
 */
export const takeWaits = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    names: string[],
    ordinals: number[],
    seqs: number[],
    attempts: number[],
    looked: boolean[],
  ],
  TakenRow
>(
  "take_waits",
  `with made as materialized (
      select * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::integer[], $7::smallint[], $8::boolean[])
        with ordinality m(lease_id, run_id, name, ordinal, seq, attempt, looked, place)
    ),
    ${FENCED_STEPS},
    standing as materialized (
      select f.place, f.seq, f.attempt, w.run_id, w.name, w.ordinal, w.kind, w.asked_at, w.due_at, w.met_at, w.value, w.source,
        w.failed, w.job, w.met_at is not null or w.due_at <= clock_timestamp() and (w.event is null or f.looked) as over, w.kind = 'call' and w.met_at is null as late
      from fenced f join millrace.waiter w on w.run_id = f.run_id and w.name = f.name and w.ordinal = f.ordinal
      order by w.run_id, w.name, w.ordinal for update of w
    ),
    result as materialized (
      select s.place, s.failed or s.late as failed, case when not s.late then s.value else (
          select jsonb_build_object('kind', 'timeout', 'runId', run_id, 'job', s.job) from millrace.child
          where parent = s.run_id and name = s.name and ordinal = s.ordinal and number = 0
        ) end as value
      from standing s where s.over
    ),
    gone as (
      delete from millrace.waiter w using standing s where s.over and w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    ),
    kept as (
      insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value, source, failed)
      select run_id, name, ordinal, kind, seq, attempt, asked_at, coalesce(met_at, due_at), r.value, source, r.failed
      from standing s join result r on r.place = s.place
      on conflict do nothing
    )
    select f.place is not null as held, coalesce(s.over, d.found, false) as taken,
      case when s.place is not null then s.met_at is not null else d.source is not null end as met,
      coalesce(r.value, d.value)::text as value, coalesce(r.failed, d.failed, false) as failed,
      coalesce(${REST("s.due_at")}, 0) as rest_ms, s.due_at
    from made m
    left join fenced f on f.place = m.place
    left join standing s on s.place = m.place
    left join result r on r.place = m.place
    left join lateral (
      select true as found, value, source, failed from millrace.step
      where s.place is null and f.place is not null and run_id = m.run_id and name = m.name and ordinal = m.ordinal limit 1
    ) d on true
    order by m.place`,
);

/** What the steps of a run still wait for, and effects that were begun. */
export interface StandingWaitRow extends WaitRow {
  name: string;
  ordinal: number;
  kind: StepKind;
  /** Of an effect: how often it was begun. */
  tries: number | null;
  /** What a person has said of it; null when nobody has. */
  happened: boolean | null;
  /** Of an effect that happened: what it gave, as JSON text. */
  value: string | null;
}

export const readWaits = statement<[run: string], StandingWaitRow>(
  "read_waits",
  `select name, ordinal, kind, due_at, ${REST("due_at")} as rest_ms, met_at is not null as met,
     tries, happened, case when kind = 'effect' then value::text end as value
   from millrace.waiter where run_id = $1 order by asked_at, name, ordinal`,
);

/**
 * Gives events that were sent to those who wait for them; answers at how many it has looked, and the runs that got one. Parameter: how
 * many events at the most.
 */
export const meet = statement<[most: number], { looked: number; runs: string[] }>(
  "meet",
  `select looked, runs from millrace.meet($1)`,
);

/** What nobody has looked at yet: events that were sent, children that have ended, children for which nobody waits any more. */
export interface NewsRow {
  events: boolean;
  ends: boolean;
  orphans: boolean;
}

/** To ask that needs no transaction. */
export const readNews = statement<[], NewsRow>(
  "read_news",
  `select exists (select from millrace.arrival) as events, exists (select from millrace.child_end) as ends,
     exists (select from millrace.orphaning) as orphans`,
);

/**
 * Of waits that are `gone`, notes the effects that were begun and have no receipt: whether they happened is nowhere else on record. Not of
 * a run that is no more: of that there is no history. Each is looked up by itself: a join may be planned to read the whole history.
 */
const LEFT_IN_DOUBT = `
      insert into millrace.event (run_id, event, detail)
      select g.run_id, 'effect left in doubt', jsonb_build_object('name', g.name, 'ordinal', g.ordinal, 'beganAt', g.began_at,
        'attempt', g.attempt, 'error', g.error_class || ': ' || g.error_message)
      from gone g
      cross join lateral (select from millrace.run where id = g.run_id limit 1) r
      left join lateral (
        select true as there from millrace.step where run_id = g.run_id and name = g.name and ordinal = g.ordinal limit 1
      ) s on true
      where g.kind = 'effect' and g.happened is null and s.there is null`;

/** Forgets what runs wait for that have ended. */
export const dropWaits = statement<[runs: string[]], never>(
  "drop_waits",
  `with gone as (
      delete from millrace.waiter where run_id = any ($1::uuid[]) returning *
    )
    ${LEFT_IN_DOUBT}`,
);

/** The same for a window of waits in the order of their runs; answers where it ended, null at the end of all. */
export const pruneWaits = statement<[after: string, limit: number], PrunedRow>(
  "prune_waits",
  `with seen as materialized (
      select run_id from millrace.waiter where run_id > $1::uuid order by run_id limit $2
    ),
    ended as materialized (
      select s.run_id from (select distinct run_id from seen) s
      left join lateral (select state from millrace.run where id = s.run_id limit 1) r on true
      left join lateral (select true as there from millrace.run where id = s.run_id limit 1) t on true
      where r.state is not null or t.there is null
    ),
    gone as (
      delete from millrace.waiter where run_id = any (array(select run_id from ended)) returning *
    ),
    left_in_doubt as (${LEFT_IN_DOUBT}
    )
    select (select count(*)::int from gone) as pruned,
      case when (select count(*) from seen) = $2 then (select run_id from seen order by run_id desc limit 1) end as last`,
);
