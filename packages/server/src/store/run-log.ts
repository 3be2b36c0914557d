import type { Json, RunState } from "@millrace/core";
import { exactStatement } from "./statement.ts";

export interface LogRow {
  seq: number;
  attempt: number;
  at: Date;
  level: string;
  step: string | null;
  message: string;
  fields: Json | null;
}

export const LINE = "seq, attempt, at, level, step, message, fields";

type Asked = [
  run: string,
  after: number,
  before: number,
  levels: string[] | null,
  since: Date | null,
  limit: number,
];

const OF_A_RUN = `run_id = $1 and seq > $2 and seq < $3 and ($4::text[] is null or level = any ($4)) and ($5::timestamptz is null or at >= $5)`;

/** Lines of a run between two numbers, in order: the first of them. What it looks at is what runs may keep. */
export const readLog = exactStatement<Asked, LogRow>(
  "read_log",
  `select ${LINE} from millrace.log where ${OF_A_RUN} order by seq limit $6`,
);

/** The same, the last of them, last first. */
export const readLogBack = exactStatement<Asked, LogRow>(
  "read_log_back",
  `select ${LINE} from millrace.log where ${OF_A_RUN} order by seq desc limit $6`,
);

export interface TailRow extends Nullable<LogRow> {
  run_id: string;
  after: number;
  /** Null while the run is open. */
  state: RunState | null;
  /** Whether there is such a run still. */
  there: boolean;
}

type Nullable<Row> = { [Column in keyof Row]: Row[Column] | null };

/**
 * What comes after a number in each of these logs, and whether their runs have ended: one row without a line where there is none. State and lines
 * are of one snapshot, and what an attempt has said is on record before it ends: so there is nothing more of a run that has.
 */
export const readTails = exactStatement<[runs: string[], after: number[], limit: number], TailRow>(
  "read_log_tails",
  `select w.run_id, w.after, (select state from millrace.run where id = w.run_id) as state,
     exists (select from millrace.run where id = w.run_id) as there, l.*
   from unnest($1::uuid[], $2::bigint[]) w(run_id, after)
   left join lateral (
     select ${LINE} from millrace.log where run_id = w.run_id and seq > w.after order by seq limit $3
   ) l on true
   order by w.run_id, w.after, l.seq`,
);
