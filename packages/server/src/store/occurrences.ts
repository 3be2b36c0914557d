import type { DstMark } from "@millrace/core";
import { statement } from "./statement.ts";

export type OccurrenceOutcome = "planned" | "fired" | "skipped" | "merged" | "caught up";

export interface OccurrenceRow {
  schedule: string;
  nominal: Date;
  at: Date;
  outcome: OccurrenceOutcome;
  reason: string | null;
  run_id: string | null;
  decided_at: Date;
  dst: DstMark | null;
  alert: string | null;
  alerted_at: Date | null;
  operation_id: number | null;
}

/** An occurrence as it is written. Instants are ISO 8601. */
export interface OccurrenceItem {
  schedule: string;
  nominal: string;
  at: string;
  outcome: OccurrenceOutcome;
  reason: string | null;
  run_id: string | null;
  dst: DstMark | null;
  missed: boolean;
  open: boolean;
  start_by: string | null;
  alert: string | null;
}

/**
 * Writes occurrences into the ledger, once and for all: an instant that stands there already fails them all. Parameter: a
 * JSON list of {@link OccurrenceItem}. Answers how late each was decided.
 */
export const recordOccurrences = statement<
  [items: string],
  { outcome: OccurrenceOutcome; missed: boolean; late_ms: number }
>(
  "record_occurrences",
  `insert into millrace.occurrence (schedule, nominal, at, outcome, reason, run_id, dst, missed, open, start_by, alert, alerted_at)
   select schedule, nominal, at, outcome, reason, run_id, dst, missed, open, start_by, alert,
     case when alert is not null then clock_timestamp() end
   from jsonb_to_recordset($1::jsonb) as o(schedule text, nominal timestamptz, at timestamptz, outcome millrace.occurrence_outcome,
     reason text, run_id uuid, dst text, missed boolean, open boolean, start_by timestamptz, alert text)
   order by schedule, nominal
   returning outcome, missed, extract(epoch from decided_at - at)::float8 * 1000 as late_ms`,
);

/** Of these instants, those that stand in the ledger. Parameter: a JSON list of {schedule, nominal}. */
export const knownOccurrences = statement<[items: string], { schedule: string; nominal: Date }>(
  "known_occurrences",
  `select o.schedule, o.nominal
   from jsonb_to_recordset($1::jsonb) as i(schedule text, nominal timestamptz)
   join millrace.occurrence o on o.schedule = i.schedule and o.nominal = i.nominal`,
);

/** Runs of these schedules that are open; those that have ended are noted as such. */
export const openRuns = statement<
  [schedules: string[]],
  { schedule: string; nominal: Date; run_id: string }
>(
  "open_runs",
  `with seen as materialized (
      select o.schedule, o.nominal, coalesce(c.last, o.run_id) as run_id, r.id is not null and r.state is null as is_open
      -- A run that was continued is open as long as the last of its chain.
      from millrace.occurrence o left join millrace.chain c on c.id = o.run_id
      left join millrace.run r on r.id = coalesce(c.last, o.run_id)
      where o.schedule = any ($1) and o.open
    ),
    ended as (
      update millrace.occurrence o set open = false from seen s
      where o.schedule = s.schedule and o.nominal = s.nominal and not s.is_open
    )
    select schedule, nominal, run_id from seen where is_open order by schedule, nominal`,
);

/** The earliest occurrence of each of these schedules that waits for its turn. */
export const firstWaiting = statement<
  [schedules: string[]],
  { schedule: string; nominal: Date; at: Date; missed: boolean }
>(
  "first_waiting",
  `select distinct on (schedule) schedule, nominal, at, missed from millrace.occurrence
   where schedule = any ($1) and outcome = 'planned' and operation_id is null order by schedule, nominal`,
);

/** What has become of occurrences that were planned. Parameter: a JSON list of {@link OccurrenceItem}; only what changes is read. */
export const settleOccurrences = statement<
  [items: string],
  { outcome: OccurrenceOutcome; missed: boolean; late_ms: number }
>(
  "settle_occurrences",
  `update millrace.occurrence o
   set outcome = i.outcome, reason = i.reason, run_id = i.run_id, open = i.open, decided_at = clock_timestamp()
   from jsonb_to_recordset($1::jsonb) as i(schedule text, nominal timestamptz, outcome millrace.occurrence_outcome, reason text,
     run_id uuid, open boolean)
   where o.schedule = i.schedule and o.nominal = i.nominal and o.outcome = 'planned'
   returning o.outcome, o.missed, extract(epoch from o.decided_at - o.at)::float8 * 1000 as late_ms`,
);

/** Tells runs for which instants of which schedules they were made. Parameter: a JSON list. */
export const stampRuns = statement<[items: string], never>(
  "stamp_runs",
  `update millrace.run r set schedule = i.schedule, scheduled_for = i.nominal
   from jsonb_to_recordset($1::jsonb) as i(schedule text, nominal timestamptz, run_id uuid) where r.id = i.run_id`,
);

/**
 * Looks whether runs have started in time: those that were to start until now. One that has not leaves an alert in the
 * ledger, and an event with its run. Parameter: how many at the most.
 */
export const watchStarts = statement<
  [limit: number],
  { schedule: string; nominal: Date; run_id: string | null; alert: string | null }
>(
  "watch_starts",
  `with due as materialized (
      select schedule, nominal, run_id, outcome from millrace.occurrence
      where start_by <= (select clock_timestamp()) order by start_by limit $1 for update skip locked
    ),
    seen as (
      select d.schedule, d.nominal, d.run_id, case
        when d.outcome = 'planned' then 'it waits for its turn'
        when r.id is null or r.attempts > 0 then null
        when r.state = 'cancelled' then 'its run was cancelled before it started'
        when r.state is null and not exists (select from millrace.lease l where l.run_ids @> array[r.id]) then 'its run has not started'
        end as alert
      from due d left join millrace.run r on r.id = d.run_id
    ),
    noted as (
      update millrace.occurrence o
      set start_by = null, alert = coalesce(s.alert, o.alert), alerted_at = case when s.alert is null then o.alerted_at else clock_timestamp() end
      from seen s where o.schedule = s.schedule and o.nominal = s.nominal
    ),
    told as (
      insert into millrace.event (run_id, event, detail)
      select run_id, 'late', jsonb_build_object('schedule', schedule, 'scheduledFor', nominal) from seen
      where alert is not null and run_id is not null
    )
    select schedule, nominal, run_id, alert from seen`,
);

/**
 * The ledger of a schedule, newest first. Parameters: schedule; instant to start below; how many; outcome or null; whether
 * those with an alert only.
 */
export const listOccurrences = statement<
  [
    schedule: string,
    below: Date,
    limit: number,
    outcome: OccurrenceOutcome | null,
    alerts: boolean,
  ],
  OccurrenceRow
>(
  "list_occurrences",
  `select schedule, nominal, at, outcome, reason, run_id, decided_at, dst, alert, alerted_at, operation_id
   from millrace.occurrence
   where schedule = $1 and nominal < $2 and ($4::millrace.occurrence_outcome is null or outcome = $4)
     and (not $5::boolean or alerted_at is not null)
   order by nominal desc limit $3`,
);

/** What the ledger says of a range. */
export const occurrencesBetween = statement<
  [schedule: string, from: Date, until: Date],
  Pick<OccurrenceRow, "nominal" | "outcome" | "run_id">
>(
  "occurrences_between",
  `select nominal, outcome, run_id from millrace.occurrence where schedule = $1 and nominal >= $2 and nominal < $3`,
);

/** Removes what is older than so many milliseconds, up to a number of rows. Answers how many. */
export const pruneOccurrences = statement<[keepMs: number, limit: number], { pruned: number }>(
  "prune_occurrences",
  `with old as materialized (
      select schedule, nominal from millrace.occurrence
      where nominal < (select clock_timestamp() - $1::float8 * interval '1 millisecond') and outcome <> 'planned' and not open
      limit $2 for update skip locked
    ),
    gone as (
      delete from millrace.occurrence o using old where o.schedule = old.schedule and o.nominal = old.nominal returning 1
    )
    select count(*)::int as pruned from gone`,
);
