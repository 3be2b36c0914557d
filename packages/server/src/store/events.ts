import { statement } from "./statement.ts";

/** Parameters: run, what happened, who caused it, JSON text of the details. */
export const recordEvent = statement<
  [run: string, event: string, actor: string | null, detail: string | null],
  never
>(
  "record_event",
  `insert into millrace.event (run_id, event, actor, detail) values ($1, $2, $3, $4::jsonb)`,
);

export interface TimelineRow {
  at: Date;
  event: string;
  actor: string | null;
  detail: Record<string, unknown> | null;
}

export const readTimeline = statement<[run: string], TimelineRow>(
  "read_timeline",
  `select at, event, actor, detail from millrace.timeline where run_id = $1 order by at, event limit 1000`,
);
