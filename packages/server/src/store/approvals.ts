import type { ApprovingRole, Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { exactStatement, statement } from "./statement.ts";
import { FENCED_STEPS, type KeptRow, type Keeping, keeping } from "./steps.ts";
import { NO_END, REST, type WaitRow } from "./waits.ts";

/**
 * Notes what steps ask people, as `askWaits` does with what they wait for. Parameters: worker; then of each its lease, run, name and ordinal;
 * how many milliseconds it waits, null for no end; what is asked, the JSON text of its details, or null, and the least role of who may answer, or null.
 */
export const askApprovals = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    names: string[],
    ordinals: number[],
    forMs: (number | null)[],
    asks: string[],
    details: (string | null)[],
    roles: (ApprovingRole | null)[],
  ],
  WaitRow & { held: boolean }
>(
  "ask_approvals",
  `with made as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::float8[], $7::text[], $8::jsonb[], $9::text[])
        with ordinality m(lease_id, run_id, name, ordinal, for_ms, ask, details, role, place)
    ),
    ${FENCED_STEPS},
    asked as (
      insert into millrace.waiter (run_id, name, ordinal, kind, asked_at, due_at, ask, details, role, approval)
      select run_id, name, ordinal, 'approval', at, coalesce(at + for_ms * interval '1 millisecond', ${NO_END}), ask, details, role,
        nextval('millrace.approval_number')
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

/**
 * Records that steps have failed which were to tell people of approvals, and that their handlers go on: those that nobody has answered are
 * not asked for any more. Parameters: as {@link keepSteps}; then of each the name and ordinal of its approval.
 */
export const keepWithdrawals = statement<
  [...keeping: Keeping, names: string[], ordinals: number[]],
  KeptRow
>(
  "keep_withdrawals",
  keeping(`standing as materialized (
      select w.run_id, w.name, w.ordinal
      from fenced f join unnest($12::text[], $13::integer[]) with ordinality a(name, ordinal, place) on a.place = f.place
      join millrace.waiter w on w.run_id = f.run_id and w.name = a.name and w.ordinal = a.ordinal and w.ask is not null and w.met_at is null
      order by w.run_id, w.name, w.ordinal for update of w
    ),
    withdrawn as (
      delete from millrace.waiter w using standing s where w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
    ),`),
);

/** An approval that nobody has given or refused yet. */
export interface ApprovalRow {
  run_id: string;
  job: string;
  queue: string;
  name: string;
  ordinal: number;
  /** Grows in the order in which they were asked for. */
  approval: string;
  ask: string;
  /** Null for none. */
  details: unknown;
  role: ApprovingRole | null;
  asked_at: Date;
  due_at: Date;
}

/**
 * Approvals that are open, the newest first, along `waiter_approval`; with a job it looks at all of them, of which there are as many as people
 * have left unanswered. Parameters: the number to start below; how many; the job, or null for any; of which projects, null for all.
 */
export const listApprovals = exactStatement<
  [below: string, limit: number, job: string | null, projects: Projects],
  ApprovalRow
>(
  "list_approvals",
  `select w.run_id, r.job, r.queue, w.name, w.ordinal, w.approval::text as approval, w.ask, w.details, w.role, w.asked_at, w.due_at
   from millrace.waiter w
   cross join lateral (select job, queue from millrace.run where id = w.run_id and state is null limit 1) r
   where w.approval is not null and w.met_at is null and w.approval < $1::bigint and w.due_at > clock_timestamp()
     and ($3::text is null or r.job = $3)
     and ${jobWithin("r.job", "$4")}
   order by w.approval desc limit $2`,
);

export interface OldestApprovalRow {
  run_id: string;
  name: string;
  asked_at: Date;
}

export const readOldestApproval = statement<[], OldestApprovalRow>(
  "read_oldest_approval",
  `select run_id, name, asked_at from millrace.waiter
   where approval is not null and met_at is null and due_at > clock_timestamp() order by approval limit 1`,
);

/** What was said, as it is stored. */
export interface AnswerJson {
  approved: boolean;
  by: string | null;
  via: "api" | "link";
  note: string | null;
  /** An instant, in ISO 8601. */
  at: string;
}

/** What a run waits for. */
export interface LockedApprovalRow {
  name: string;
  ordinal: number;
  /** Whether people are asked. */
  asked: boolean;
  /** The least role of who may answer, and then no link does. */
  role: ApprovingRole | null;
  /** What one has said; null when nobody has. */
  answer: AnswerJson | null;
  /** When its time is over, and whether it is. */
  due_at: Date;
  over: boolean;
  /** Digests of the secret parts of its links. */
  links: Buffer[] | null;
}

/** Locks the waits of a run in the order in which everybody does who gives it something, and answers them. */
export const lockApprovals = statement<[run: string], LockedApprovalRow>(
  "lock_approvals",
  `select name, ordinal, ask is not null as asked, role, case when ask is not null then value end as answer, due_at,
     due_at <= clock_timestamp() as over, links
   from millrace.waiter where run_id = $1 order by run_id, name, ordinal for update`,
);

/** Parameters: run, name and ordinal; whether it was approved; who says so, on which way; a note. */
export const answerApproval = statement<
  [
    run: string,
    name: string,
    ordinal: number,
    approved: boolean,
    by: string | null,
    via: AnswerJson["via"],
    note: string | null,
  ],
  { answer: AnswerJson }
>(
  "answer_approval",
  `update millrace.waiter w set met_at = n.at, value = jsonb_build_object('approved', $4::boolean, 'by', $5::text, 'via', $6::text,
     'note', $7::text, 'at', to_char(n.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
   from (select clock_timestamp() as at offset 0) n
   where w.run_id = $1 and w.name = $2 and w.ordinal = $3
   returning w.value as answer`,
);

/** How a run stands, and the last of its approvals that is on record, of that name and ordinal if they are said. */
export interface PastApprovalRow {
  state: string | null;
  /** Null when there is none. */
  name: string | null;
  ordinal: number | null;
  /** Null when nobody has answered in time. */
  answer: AnswerJson | null;
}

export const readPastApproval = statement<
  [run: string, name: string | null, ordinal: number | null],
  PastApprovalRow
>(
  "read_past_approval",
  `select r.state::text as state, s.name, s.ordinal, s.value as answer
   from millrace.run r
   left join lateral (
     select name, ordinal, value from millrace.step
     where run_id = $1 and kind = 'approval' and ($2::text is null or name = $2) and ($3::integer is null or ordinal = $3)
     order by seq desc limit 1
   ) s on true
   where r.id = $1`,
);

/** What the page of a link shows. */
export interface AskedRow {
  job: string;
  state: string | null;
  ask: string;
  details: unknown;
  role: ApprovingRole | null;
  asked_at: Date;
  due_at: Date;
  over: boolean;
  answer: AnswerJson | null;
  links: Buffer[] | null;
}

/** An approval that stands, also one that is answered and that its run has not taken yet. */
export const readAsked = exactStatement<[run: string, name: string, ordinal: number], AskedRow>(
  "read_asked",
  `select r.job, r.state::text as state, w.ask, w.details, w.role, w.asked_at, w.due_at, w.due_at <= clock_timestamp() as over,
     w.value as answer, w.links
   from millrace.waiter w cross join lateral (select job, state from millrace.run where id = w.run_id limit 1) r
   where w.run_id = $1 and w.name = $2 and w.ordinal = $3 and w.ask is not null`,
);

export const readLinkSecret = statement<[], { secret: Buffer }>(
  "read_link_secret",
  `select secret from millrace.link_secret`,
);
