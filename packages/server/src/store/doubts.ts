import type { Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { statement } from "./statement.ts";

/** An effect of which nobody knows whether it happened. */
export interface DoubtRow {
  run_id: string;
  job: string;
  queue: string;
  name: string;
  ordinal: number;
  /** Grows in the order in which they came in doubt. */
  doubt: string;
  doubt_at: Date;
  began_at: Date;
  attempt: number;
  tries: number;
  idempotency_key: string;
  error_class: string | null;
  error_message: string | null;
  error_at: Date | null;
}

/**
 * Effects in doubt, the newest first, along `waiter_doubt`; with a job it looks at all of them, of which there are as many as people have
 * left unanswered. Parameters: the number to start below; how many; the job, or null for any; of which projects, null for all.
 */
export const listDoubts = statement<
  [below: string, limit: number, job: string | null, projects: Projects],
  DoubtRow
>(
  "list_doubts",
  `select w.run_id, r.job, r.queue, w.name, w.ordinal, w.doubt::text as doubt, w.doubt_at, w.began_at, w.attempt, w.tries,
     millrace.effect_key(w.run_id, w.name, w.ordinal) as idempotency_key, w.error_class, w.error_message, w.error_at
   from millrace.waiter w
   cross join lateral (select job, queue from millrace.run where id = w.run_id and state is null limit 1) r
   where w.doubt is not null and w.met_at is null and w.doubt < $1::bigint and ($3::text is null or r.job = $3)
     and ${jobWithin("r.job", "$4")}
   order by w.doubt desc limit $2`,
);

export interface OldestDoubtRow {
  run_id: string;
  name: string;
  doubt_at: Date;
}

export const readOldestDoubt = statement<[], OldestDoubtRow>(
  "read_oldest_doubt",
  `select run_id, name, doubt_at from millrace.waiter where doubt is not null and met_at is null order by doubt limit 1`,
);

/** What a run waits for. */
export interface LockedWaitRow {
  name: string;
  ordinal: number;
  /** Whether a person is asked whether it happened, and whether one has said so. */
  doubted: boolean;
  answered: boolean;
}

/** Locks the waits of a run in the order in which everybody does who gives it something, and answers them. */
export const lockWaits = statement<[run: string], LockedWaitRow>(
  "lock_waits",
  `select name, ordinal, doubt is not null as doubted, happened is not null as answered
   from millrace.waiter where run_id = $1 order by run_id, name, ordinal for update`,
);

/** Parameters: run, name and ordinal; whether it happened; what it gave, as JSON text, or null. */
export const answerDoubt = statement<
  [run: string, name: string, ordinal: number, happened: boolean, value: string | null],
  never
>(
  "answer_doubt",
  `update millrace.waiter set met_at = clock_timestamp(), happened = $4, value = $5::jsonb
   where run_id = $1 and name = $2 and ordinal = $3`,
);

/** Whether a run is there and how it ended, and whether the receipt of that effect is on record. */
export const readDoubted = statement<
  [run: string, name: string | null, ordinal: number],
  { state: string | null; received: boolean }
>(
  "read_doubted",
  `select r.state::text as state, exists (
     select from millrace.step s where s.run_id = $1 and s.kind = 'effect' and s.ordinal = $3 and ($2::text is null or s.name = $2)
   ) as received
   from millrace.run r where r.id = $1`,
);
