import type { Projects, Severity } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

export interface AlertRuleRow {
  name: string;
  /** One that this version does not know is left alone. */
  kind: string;
  /** Null for the whole installation. */
  project: string | null;
  /** Null for all. */
  subject: string | null;
  /** What is null is as the kind has it. */
  threshold: number | null;
  for_ms: number | null;
  window_ms: number | null;
  severity: Severity | null;
  enabled: boolean;
  created_at: Date;
  created_by: string;
  changed_at: Date;
  changed_by: string;
}

const COLUMNS = `name, kind, project, subject, threshold, for_ms, window_ms, severity, enabled, created_at, created_by, changed_at, changed_by`;

/** Until the transaction ends: so that two do not both make the last one there may be. */
export const lockAlertRules = statement<[], object>(
  "lock_alert_rules",
  `select pg_advisory_xact_lock(hashtextextended('millrace alert rules', 0))`,
);

/** Of these projects; null for all. There are no more than somebody has made by hand. */
export const listAlertRules = statement<[projects: Projects], AlertRuleRow>(
  "list_alert_rules",
  `select ${COLUMNS} from millrace.alert_rule where ${within("project", "$1")} order by name limit 1000`,
);

export const readAlertRule = statement<[name: string], AlertRuleRow>(
  "read_alert_rule",
  `select ${COLUMNS} from millrace.alert_rule where name = $1`,
);

/**
 * Those of some rules whose subject is nothing that is there, by their place from 1 on: the queue, the job or the schedule of that name, of the rule's
 * project, if it is of one. By the primary keys. Of what is neither, nothing is said.
 */
export const missingSubjects = statement<
  [abouts: string[], subjects: string[], projects: (string | null)[]],
  { place: number }
>(
  "missing_alert_subjects",
  `select r.place::int as place
   from unnest($1::text[], $2::text[], $3::text[]) with ordinality r(about, subject, project, place)
   where case r.about
     when 'queue' then not exists (
       select from millrace.queue q where q.name = r.subject and (r.project is null or q.project = r.project))
     when 'job' then not exists (
       select from millrace.job j where j.name = r.subject and (r.project is null or j.project = r.project))
     when 'schedule' then not exists (
       select from millrace.schedule s join millrace.job j on j.name = s.job
       where s.name = r.subject and (r.project is null or j.project = r.project))
     end`,
);

export const countAlertRules = statement<
  [project: string | null],
  { all: number; of_project: number }
>(
  "count_alert_rules",
  `select count(*)::int as all, (count(*) filter (where project is not distinct from $1))::int as of_project from millrace.alert_rule`,
);

export const putAlertRule = statement<
  [
    name: string,
    kind: string,
    project: string | null,
    subject: string | null,
    threshold: number | null,
    forMs: number | null,
    windowMs: number | null,
    severity: Severity | null,
    enabled: boolean,
    by: string,
  ],
  AlertRuleRow
>(
  "put_alert_rule",
  `insert into millrace.alert_rule (name, kind, project, subject, threshold, for_ms, window_ms, severity, enabled, created_by, changed_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
   on conflict (name) do update
   set subject = excluded.subject, threshold = excluded.threshold, for_ms = excluded.for_ms, window_ms = excluded.window_ms,
     severity = excluded.severity, enabled = excluded.enabled, changed_at = clock_timestamp(), changed_by = excluded.changed_by
   returning ${COLUMNS}`,
);

export const deleteAlertRule = statement<[name: string], AlertRuleRow>(
  "delete_alert_rule",
  `delete from millrace.alert_rule where name = $1 returning ${COLUMNS}`,
);
