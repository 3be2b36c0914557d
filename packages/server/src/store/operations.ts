import type { Projects } from "@millrace/core";
import type { DeadLetterFilter, JsonPatch } from "@millrace/core/api";
import { type FilterParams, matches } from "./dead-letters.ts";
import { jobWithin } from "./scope.ts";
import { statement } from "./statement.ts";

export interface OperationRow {
  id: number;
  kind: "rerun" | "dismiss" | "backfill" | "cancel" | "move" | "reopen";
  state: "running" | "paused" | "completed" | "stopped" | "cancelled";
  /** Of a backfill, the range of a schedule. */
  filter:
    | DeadLetterFilter
    | { schedule: string; from: string; until: string }
    | { query: string; queue?: string; priority?: number }
    | { operation: number };
  patch: JsonPatch | null;
  rate: number | null;
  canary: boolean;
  note: string | null;
  created_by: string;
  /** Of what it is about; null for the whole installation. */
  projects: Projects;
  created_at: Date;
  finished_at: Date | null;
  reason: string | null;
  /** Of a canary: 0 the first one, 1 the ten, 2 the rest. */
  stage: number;
  /** Up to where this round has looked how reruns ended. */
  watched: number;
  total: number;
  handled: number;
  done: number;
  skipped: number;
  refused: number;
  completed: number;
  failed: number;
  cancelled: number;
}

export const createOperation = statement<
  [
    kind: OperationRow["kind"],
    filter: string,
    patch: string | null,
    rate: number | null,
    canary: boolean,
    note: string | null,
    by: string,
    projects: Projects,
  ],
  { id: number }
>(
  "create_operation",
  `insert into millrace.operation (kind, filter, patch, rate, canary, note, created_by, projects)
   values ($1::millrace.operation_kind, $2::jsonb, $3::jsonb, $4, $5, $6, $7, $8::text[]) returning id`,
);

/**
 * Fixes what an operation is about: the open dead letters that match, oldest first, and how many they are. Parameters:
 * operation; how many at the most; the filter.
 */
export const fixMembers = statement<
  [operation: number, limit: number, ...filter: FilterParams],
  { total: number }
>(
  "fix_members",
  `with member as (
      insert into millrace.operation_member (operation_id, place, run_id)
      select $1, row_number() over (order by run_id), run_id from (
        select run_id from millrace.dead_letter where handled_at is null and ${matches(3)} order by run_id limit $2
      ) d
      returning 1
    )
    update millrace.operation set total = (select count(*) from member) where id = $1 returning total`,
);

/** The same of runs that were found otherwise. */
export const fixRuns = statement<[operation: number, runs: string[]], { total: number }>(
  "fix_runs",
  `with member as (
      insert into millrace.operation_member (operation_id, place, run_id)
      select $1, row_number() over (order by run_id), run_id from unnest($2::uuid[]) run_id
      returning 1
    )
    update millrace.operation set total = (select count(*) from member) where id = $1 returning total`,
);

/** The same of dead letters that another operation has dismissed. Parameters: operation; the other; of which projects, null for all. */
export const fixDismissed = statement<
  [operation: number, dismissedBy: number, projects: Projects],
  { total: number }
>(
  "fix_dismissed",
  `with member as (
      insert into millrace.operation_member (operation_id, place, run_id)
      select $1, row_number() over (order by m.place), m.run_id from millrace.operation_member m
      join millrace.dead_letter d on d.run_id = m.run_id
      where m.operation_id = $2 and d.operation_id = $2 and d.resolution = 'dismissed' and ${jobWithin("d.job", "$3")}
      returning 1
    )
    update millrace.operation set total = (select count(*) from member) where id = $1 returning total`,
);

/** How many dead letters are dismissed still by an operation. Parameters: operation; of which projects, null for all. */
export const countDismissed = statement<
  [dismissedBy: number, projects: Projects],
  { count: number }
>(
  "count_dismissed",
  `select count(*)::int as count from millrace.operation_member m join millrace.dead_letter d on d.run_id = m.run_id
   where m.operation_id = $1 and d.operation_id = $1 and d.resolution = 'dismissed' and ${jobWithin("d.job", "$2")}`,
);

/** Of these runs, those whose jobs are of some projects now; null for all. */
export const membersWithin = statement<[runs: string[], projects: Projects], { id: string }>(
  "members_within",
  `select u.id from unnest($1::uuid[]) u(id) cross join lateral (select job from millrace.run where id = u.id limit 1) r
   where ${jobWithin("r.job", "$2")}`,
);

const COLUMNS = `id, kind, state, filter, patch, rate, canary, note, created_by, projects, created_at, finished_at, reason, stage, watched,
    total, handled, done, skipped, refused, completed, failed, cancelled`;

export const readOperation = statement<[id: number], OperationRow>(
  "read_operation",
  `select ${COLUMNS} from millrace.operation where id = $1`,
);

/** Newest first. Parameters: id to start below, how many, state or null; the projects that they must be within, null for any. */
export const listOperations = statement<
  [below: number, limit: number, state: OperationRow["state"] | null, projects: Projects],
  OperationRow
>(
  "list_operations",
  `select ${COLUMNS} from millrace.operation
   where id < $1 and ($3::millrace.operation_state is null or state = $3)
     and ($4::text[] is null or projects <@ $4) order by id desc limit $2`,
);

/** Locks the operation that has been due for longest and that no other process works on. */
export const takeOperation = statement<[], OperationRow>(
  "take_operation",
  `select ${COLUMNS} from millrace.operation
   where state = 'running' and next_at <= (select clock_timestamp()) order by next_at limit 1 for update skip locked`,
);

/** How long until the next operation is due, in milliseconds by the database's clock; no row when none runs. */
export const nextOperation = statement<[], { in_ms: number }>(
  "next_operation",
  `select greatest(0, extract(epoch from next_at - clock_timestamp()) * 1000)::float8 as in_ms
   from millrace.operation where state = 'running' order by next_at limit 1`,
);

/** Changes how many are handled a second, of those kinds that have a rate, and has it go on by that at once. No row: it has ended, or has none. */
export const rateOperation = statement<[id: number, rate: number], { id: number }>(
  "rate_operation",
  `update millrace.operation
   set rate = $2, next_at = least(next_at, clock_timestamp()), backfill_at = least(backfill_at, clock_timestamp())
   where id = $1 and state in ('running', 'paused') and rate is not null returning id`,
);

/** Moves an operation from one of some states to another; a final one ends it, and what a backfill has planned. */
export const moveOperation = statement<
  [id: number, from: OperationRow["state"][], to: OperationRow["state"], reason: string | null],
  { id: number }
>(
  "move_operation",
  `with moved as (
   update millrace.operation
   set state = $3::millrace.operation_state, reason = $4,
     next_at = case when kind <> 'backfill' then clock_timestamp() else next_at end,
     backfill_at = case when kind = 'backfill' then clock_timestamp() end,
     finished_at = case when $3 in ('completed', 'stopped', 'cancelled') then clock_timestamp() end
   where id = $1 and state = any ($2::millrace.operation_state[]) returning id
   ),
   dropped as (
     update millrace.occurrence o set outcome = 'skipped', reason = 'backfill ' || m.id || ' was ' || $3
     from moved m where o.operation_id = m.id and o.outcome = 'planned' and $3 in ('stopped', 'cancelled')
   )
   select id from moved`,
);

/** The next ones to handle. Parameters: operation, the place of the last that was handled, how many. */
export const nextMembers = statement<
  [operation: number, handled: number, limit: number],
  { place: number; run_id: string }
>(
  "next_members",
  `select place, run_id from millrace.operation_member
   where operation_id = $1 and place > $2 order by place limit $3`,
);

export const recordMembers = statement<
  [
    operation: number,
    places: number[],
    outcomes: ("done" | "skipped" | "refused")[],
    reruns: (string | null)[],
    details: (string | null)[],
  ],
  never
>(
  "record_members",
  `update millrace.operation_member m
   set outcome = g.outcome::millrace.member_outcome, rerun_id = g.rerun_id, detail = g.detail, at = clock_timestamp()
   from unnest($2::integer[], $3::text[], $4::uuid[], $5::text[]) g(place, outcome, rerun_id, detail)
   where m.operation_id = $1 and m.place = g.place`,
);

/** What one turn of an operation changed. Milliseconds of rest count from when it was due, or from now if that is later. */
export const saveProgress = statement<
  [
    id: number,
    stage: number,
    watched: number,
    handled: number,
    done: number,
    skipped: number,
    refused: number,
    completed: number,
    failed: number,
    cancelled: number,
    reason: string | null,
    restMs: number,
  ],
  never
>(
  "save_progress",
  `update millrace.operation
   set stage = $2, watched = $3, handled = $4, done = $5, skipped = $6, refused = $7, completed = $8, failed = $9,
     cancelled = $10, reason = $11,
     next_at = greatest(next_at, clock_timestamp() - interval '1 second') + $12::float8 * interval '1 millisecond'
   where id = $1`,
);

/**
 * Looks how reruns have ended that were open so far, and notes it. A run that retention has removed counts as cancelled.
 * Parameters: operation, place to look beyond, how many.
 */
export const noteEnds = statement<
  [operation: number, beyond: number, limit: number],
  { looked: number; last: number | null; completed: number; failed: number; cancelled: number }
>(
  "note_ends",
  `with looked as materialized (
      select place, rerun_id from millrace.operation_member
      where operation_id = $1 and place > $2 and rerun_id is not null and ended is null order by place limit $3
    ),
    ended as (
      update millrace.operation_member m set ended = coalesce(r.state, 'cancelled')
      -- Of a rerun that was continued, how the last of its chain has ended.
      from looked l left join millrace.chain c on c.id = l.rerun_id
      left join millrace.run r on r.id = coalesce(c.last, l.rerun_id)
      where m.operation_id = $1 and m.place = l.place and (r.id is null or r.state is not null)
      returning m.ended
    )
    select (select count(*) from looked)::int as looked, (select max(place) from looked) as last,
      (count(*) filter (where ended = 'completed'))::int as completed, (count(*) filter (where ended = 'failed'))::int as failed,
      (count(*) filter (where ended = 'cancelled'))::int as cancelled
    from ended`,
);

/** The first rerun that did not complete, or member that was refused, and whether the error is the one that it had. */
export const firstTrouble = statement<
  [operation: number],
  {
    run_id: string;
    outcome: "done" | "refused";
    detail: string | null;
    rerun_id: string | null;
    ended: string | null;
    error_class: string | null;
    error_message: string | null;
    same: boolean | null;
  }
>(
  "first_trouble",
  `select m.run_id, m.outcome, m.detail, m.rerun_id, m.ended, again.error_class, again.error_message,
     again.fingerprint = old.fingerprint as same
   from millrace.operation_member m
   join millrace.dead_letter old on old.run_id = m.run_id
   left join millrace.chain c on c.id = m.rerun_id
   left join millrace.dead_letter again on again.run_id = coalesce(c.last, m.rerun_id)
   where m.operation_id = $1 and (m.ended in ('failed', 'cancelled') or m.outcome = 'refused')
   order by m.place limit 1`,
);

export interface MemberRow {
  place: number;
  run_id: string;
  outcome: "done" | "skipped" | "refused" | null;
  at: Date | null;
  rerun_id: string | null;
  ended: "completed" | "failed" | "cancelled" | null;
  detail: string | null;
}

/** Parameters: operation, place to start after, how many, outcome or null, how the rerun ended or null. */
export const listMembers = statement<
  [
    operation: number,
    after: number,
    limit: number,
    outcome: MemberRow["outcome"],
    ended: MemberRow["ended"],
  ],
  MemberRow
>(
  "list_members",
  `select place, run_id, outcome, at, rerun_id, ended, detail from millrace.operation_member
   where operation_id = $1 and place > $2 and ($4::millrace.member_outcome is null or outcome = $4)
     and ($5::millrace.run_state is null or ended = $5)
   order by place limit $3`,
);

/**
 * Forgets part of the oldest operation that ended before an instant: some of its members, in order, and with the last of
 * them the operation. Answers how many of each; none when no such operation is left. Nobody else locks what has ended.
 * Parameters: the instant; how many members.
 */
export const forgetOperation = statement<
  [before: Date, limit: number],
  { operations: number; members: number }
>(
  "forget_operation",
  `with old as materialized (
      select id from millrace.operation where finished_at < $1 order by id limit 1
    ),
    part as materialized (
      select place from millrace.operation_member
      where operation_id = (select id from old) order by place limit $2
    ),
    gone as (
      delete from millrace.operation_member
      where operation_id = (select id from old) and place <= (select max(place) from part)
    ),
    ended as (
      delete from millrace.operation where id = (select id from old) and (select count(*) from part) < $2 returning 1
    )
    select (select count(*) from ended)::int as operations, (select count(*) from part)::int as members`,
);

/** How many operations ended before an instant. */
export const countOldOperations = statement<[before: Date], { operations: number }>(
  "count_old_operations",
  `select count(*)::int as operations from millrace.operation where finished_at < $1`,
);

/** Operations that have not ended, and what they have still to handle. Reads one row for each operation that is kept. */
export const countOperations = statement<[], { running: number; paused: number; waiting: number }>(
  "count_operations",
  `select count(*) filter (where state = 'running')::int as running, count(*) filter (where state = 'paused')::int as paused,
     coalesce(sum(total - handled), 0)::int as waiting
   from millrace.operation where finished_at is null`,
);
