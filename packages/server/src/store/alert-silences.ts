import type { Projects } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

export interface AlertSilenceRow {
  id: string;
  /** Of whose alerts alone; null for all. */
  project: string | null;
  /** Null for any. */
  rule: string | null;
  subject: string | null;
  until: Date;
  reason: string | null;
  created_at: Date;
  created_by: string;
}

const COLUMNS = `id, project, rule, subject, until, reason, created_at, created_by`;

/** Those that hold at an instant, or null for now; of these projects, null for all. */
export const listAlertSilences = statement<[at: Date | null, projects: Projects], AlertSilenceRow>(
  "list_alert_silences",
  `select ${COLUMNS} from millrace.alert_silence
   where until > coalesce($1::timestamptz, clock_timestamp()) and ${within("project", "$2")} order by id limit 1000`,
);

export const insertAlertSilence = statement<
  [
    project: string | null,
    rule: string | null,
    subject: string | null,
    forMs: number | null,
    until: Date | null,
    reason: string | null,
    by: string,
  ],
  AlertSilenceRow
>(
  "insert_alert_silence",
  `insert into millrace.alert_silence (id, project, rule, subject, until, reason, created_by)
   values (millrace.new_uuid(), $1, $2, $3, coalesce($5, clock_timestamp() + $4::float8 * interval '1 millisecond'), $6, $7)
   returning ${COLUMNS}`,
);

export const countAlertSilences = statement<
  [project: string | null],
  { all: number; of_project: number }
>(
  "count_alert_silences",
  `select count(*)::int as all, (count(*) filter (where project is not distinct from $1))::int as of_project
   from millrace.alert_silence where until > clock_timestamp()`,
);

export const deleteAlertSilence = statement<[id: string], AlertSilenceRow>(
  "delete_alert_silence",
  `delete from millrace.alert_silence where id = $1 returning ${COLUMNS}`,
);

export const pruneAlertSilences = statement<[], never>(
  "prune_alert_silences",
  `delete from millrace.alert_silence where until < clock_timestamp()`,
);
