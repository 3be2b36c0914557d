import type { AlertState, Projects, Severity } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

export interface AlertRow {
  id: string;
  rule: string;
  kind: string;
  /** Null for what is of no single project. */
  project: string | null;
  /** The queue, job, host, … that it is about; empty for the installation. */
  subject: string;
  state: AlertState;
  severity: Severity;
  value: number;
  threshold: number;
  /** More about it, such as the names of workers. */
  detail: string | null;
  /** Since when it is so. */
  since: Date;
  fired_at: Date | null;
  /** Since when it would not fire any more. */
  clear_since: Date | null;
  resolved_at: Date | null;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
  note: string | null;
}

const COLUMNS = `id, rule, kind, project, subject, state, severity, value, threshold, detail, since, fired_at, clear_since, resolved_at, acknowledged_at, acknowledged_by, note`;

/**
 * Holds the round, when one is due: who does not get it leaves it to who has it.
 *
 * @param now null for the database's own clock
 */
export const takeRound = statement<[now: Date | null], { now: Date }>(
  "take_alert_round",
  `select c.now from millrace.alert_round r cross join (select coalesce($1::timestamptz, clock_timestamp()) as now) c
   where (r.next_at <= c.now or r.decided_at > c.now + interval '1 minute') for no key update of r skip locked`,
);

/** The row that rounds hold. */
export const ensureRound = statement<[], never>(
  "ensure_alert_round",
  `insert into millrace.alert_round default values on conflict do nothing`,
);

export const endRound = statement<[now: Date, everyMs: number], never>(
  "end_alert_round",
  `update millrace.alert_round set decided_at = $1, next_at = $1::timestamptz + $2::float8 * interval '1 millisecond'`,
);

/** Those that have not been resolved. There are no more than rules times what one may be about. */
export const openAlerts = statement<[], AlertRow>(
  "open_alerts",
  `select ${COLUMNS} from millrace.alert where state <> 'resolved' order by id`,
);

/** An alert as it is to be. */
export interface AlertItem {
  id: string | null;
  rule: string;
  kind: string;
  project: string | null;
  subject: string;
  state: AlertState;
  severity: Severity;
  value: number;
  threshold: number;
  detail: string | null;
  since: string;
  fired_at: string | null;
  clear_since: string | null;
  resolved_at: string | null;
}

/** Writes alerts that began, or are otherwise now. Parameter: a JSON list of {@link AlertItem}, of which those without an id are new. */
export const putAlerts = statement<[items: string], AlertRow>(
  "put_alerts",
  `insert into millrace.alert as a (id, rule, kind, project, subject, state, severity, value, threshold, detail, since, fired_at, clear_since, resolved_at)
   select coalesce(id, millrace.new_uuid()), rule, kind, project, subject, state, severity, value, threshold, detail, since, fired_at, clear_since,
     resolved_at
   from jsonb_to_recordset($1::jsonb) i(id uuid, rule text, kind text, project text, subject text, state text, severity text, value float8,
     threshold float8, detail text, since timestamptz, fired_at timestamptz, clear_since timestamptz, resolved_at timestamptz)
   on conflict (id) do update
   set state = excluded.state, severity = excluded.severity, value = excluded.value, threshold = excluded.threshold, detail = excluded.detail,
     fired_at = excluded.fired_at, clear_since = excluded.clear_since, resolved_at = excluded.resolved_at
   returning ${COLUMNS}`,
);

/** Those that were never told of to anybody leave nothing. */
export const dropAlerts = statement<[ids: string[]], never>(
  "drop_alerts",
  `delete from millrace.alert where id = any ($1::uuid[])`,
);

export const readAlert = statement<[id: string], AlertRow>(
  "read_alert",
  `select ${COLUMNS} from millrace.alert where id = $1`,
);

export const readAlerts = statement<[ids: string[]], AlertRow>(
  "read_alerts",
  `select ${COLUMNS} from millrace.alert where id = any ($1::uuid[]) order by id`,
);

/** The newest first, those before an id, of these projects; by the primary key. Parameters: states; rule or null; before; how many; projects. */
export const listAlerts = statement<
  [states: string[], rule: string | null, before: string, limit: number, projects: Projects],
  AlertRow
>(
  "list_alerts",
  `select ${COLUMNS} from millrace.alert
   where state = any ($1) and ($2::text is null or rule = $2) and id < $3::uuid and ${within("project", "$5")}
   order by id desc limit $4`,
);

/** A row when there is an alert of a rule on record, in whatever state, of these projects. */
export const hasAlertOf = statement<[rule: string, projects: Projects], object>(
  "has_alert_of",
  `select from millrace.alert where rule = $1 and ${within("project", "$2")} limit 1`,
);

/** No row when it is not firing. */
export const acknowledgeAlert = statement<[id: string, by: string, note: string | null], AlertRow>(
  "acknowledge_alert",
  `update millrace.alert set acknowledged_at = clock_timestamp(), acknowledged_by = $2, note = $3
   where id = $1 and state = 'firing' returning ${COLUMNS}`,
);

/** What fires, for metrics. */
export const countFiring = statement<[], { rule: string; severity: Severity; count: number }>(
  "count_firing_alerts",
  `select rule, severity, count(*)::int as count from millrace.alert where state = 'firing' group by rule, severity`,
);

/** The oldest of those that are resolved, and older than this. */
export const pruneAlerts = statement<[olderThanMs: number, limit: number], { pruned: number }>(
  "prune_alerts",
  `with gone as (
     delete from millrace.alert where id = any (array(
       select id from millrace.alert
       where id < millrace.uuid_floor(clock_timestamp() - $1::float8 * interval '1 millisecond') and state = 'resolved' order by id limit $2))
     returning 1
   )
   select count(*)::int as pruned from gone`,
);
