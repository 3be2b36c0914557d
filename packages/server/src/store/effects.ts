import { statement } from "./statement.ts";
import { FENCED_STEPS, type Keeping, type KeptRow, keeping } from "./steps.ts";
import { NO_END, REST, type WaitRow } from "./waits.ts";

/** What befell an effect: see `NewNote`. */
export type EffectNote = "begun" | "failed" | "taken back" | "in doubt";

/** How an effect stands after a note. */
export interface NotedRow extends WaitRow {
  held: boolean;
  /** What a person has said of it; null when nobody has. */
  happened: boolean | null;
  /** Of one that happened: what it gave, as JSON text. */
  value: string | null;
}

/**
 * Notes what befell effects, through the leases of their runs. Answers one row for each, in order; the statement may be sent again, when its
 * answer was lost, and even be carried out late: what it says of an older beginning than the one on record changes nothing. What a person
 * has said is never overwritten, but by a new beginning of what did not happen.
 *
 * Parameters: worker; then of each its lease, run, name, ordinal, attempt, which beginning of the effect it is about, the note, and the
 * class and the message of an error, or null.
 */
export const noteEffects = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    names: string[],
    ordinals: number[],
    attempts: number[],
    tries: number[],
    notes: EffectNote[],
    classes: (string | null)[],
    messages: (string | null)[],
  ],
  NotedRow
>(
  "note_effects",
  `with made as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::smallint[], $7::integer[], $8::text[], $9::text[], $10::text[])
        with ordinality m(lease_id, run_id, name, ordinal, attempt, tries, note, class, message, place)
    ),
    ${FENCED_STEPS},
    standing as materialized (
      select f.place, w.*, w.attempt = f.attempt and w.tries = f.tries as same
      from fenced f join millrace.waiter w on w.run_id = f.run_id and w.name = f.name and w.ordinal = f.ordinal and w.kind = 'effect'
      order by w.run_id, w.name, w.ordinal for update of w
    ),
    first as (
      insert into millrace.waiter (run_id, name, ordinal, kind, asked_at, due_at, attempt, tries, began_at)
      select f.run_id, f.name, f.ordinal, 'effect', f.at, ${NO_END}, f.attempt, f.tries, f.at
      from fenced f left join standing s on s.place = f.place
      where f.note = 'begun' and s.place is null
      on conflict do nothing
    ),
    again as (
      update millrace.waiter w
      set attempt = f.attempt, tries = f.tries, began_at = f.at, doubt = null, doubt_at = null, met_at = null, happened = null,
        error_class = case when s.met_at is null then s.error_class end,
        error_message = case when s.met_at is null then s.error_message end,
        error_at = case when s.met_at is null then s.error_at end
      from fenced f join standing s on s.place = f.place
      where f.note = 'begun' and s.happened is not true and s.tries <= f.tries
        and w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    ),
    failed as (
      update millrace.waiter w set error_class = f.class, error_message = f.message, error_at = f.at
      from fenced f join standing s on s.place = f.place
      where f.note = 'failed' and s.same and w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    ),
    taken_back as (
      delete from millrace.waiter w using fenced f join standing s on s.place = f.place
      where f.note = 'taken back' and s.same and w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    ),
    doubted as (
      update millrace.waiter w set doubt = nextval('millrace.doubt_number'), doubt_at = f.at
      from fenced f join standing s on s.place = f.place
      where f.note = 'in doubt' and s.doubt is null and w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    )
    select f.place is not null as held, s.happened, s.value::text as value, s.met_at is not null as met,
      ${REST(NO_END)} as rest_ms, ${NO_END} as due_at
    from made m
    left join fenced f on f.place = m.place
    left join standing s on s.place = m.place
    order by m.place`,
);

/** Records what effects gave, as {@link keepSteps} does; their intents are gone then. */
export const keepReceipts = statement<Keeping, KeptRow>(
  "keep_receipts",
  keeping(
    `standing as materialized (
      select w.run_id, w.name, w.ordinal
      from fenced f join millrace.waiter w on w.run_id = f.run_id and w.name = f.name and w.ordinal = f.ordinal and w.kind = 'effect'
      order by w.run_id, w.name, w.ordinal for update of w
    ),
    gone as (
      delete from millrace.waiter w using standing s where w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    ),`,
  ),
);
