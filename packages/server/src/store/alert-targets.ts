import type { AlertTargetKind, Projects, Severity } from "@millrace/core";
import { within } from "./scope.ts";
import type { WrappedRow } from "./secrets.ts";
import { statement } from "./statement.ts";

/** What of a target is no secret. */
export interface AlertTargetConfig {
  /** Of Slack and PagerDuty: where the URL leads to, without what proves who one is. */
  host?: string;
  /** Of PagerDuty, when it is not its usual one. */
  url?: string;
  /** Of e-mail. */
  server?: string;
  user?: string | null;
  from?: string;
  to?: string[];
}

export interface AlertTargetRow {
  name: string;
  kind: AlertTargetKind;
  /** Null for the alerts of the whole installation. */
  project: string | null;
  config: AlertTargetConfig;
  version: number;
  /** Null where there is no credential. */
  key_id: string | null;
  least_severity: Severity;
  enabled: boolean;
  created_at: Date;
  created_by: string;
  changed_at: Date;
  changed_by: string;
}

const COLUMNS = `name, kind, project, config, version, key_id, least_severity, enabled, created_at, created_by, changed_at, changed_by`;

/** Of these projects; null for all. There are no more than somebody has made by hand. */
export const listAlertTargets = statement<[projects: Projects], AlertTargetRow>(
  "list_alert_targets",
  `select ${COLUMNS} from millrace.alert_target where ${within("project", "$1")} order by name limit 1000`,
);

export const readAlertTarget = statement<[name: string], AlertTargetRow>(
  "read_alert_target",
  `select ${COLUMNS} from millrace.alert_target where name = $1`,
);

export const countAlertTargets = statement<
  [project: string | null],
  { all: number; of_project: number }
>(
  "count_alert_targets",
  `select count(*)::int as all, (count(*) filter (where project is not distinct from $1))::int as of_project
   from millrace.alert_target`,
);

/** What is sealed stays when none is given. */
export const putAlertTarget = statement<
  [
    name: string,
    kind: AlertTargetKind,
    project: string | null,
    config: string,
    version: number,
    reseal: boolean,
    wrappedKey: Buffer | null,
    sealed: Buffer | null,
    leastSeverity: Severity,
    enabled: boolean,
    by: string,
  ],
  AlertTargetRow
>(
  "put_alert_target",
  `with dropped as (
     update millrace.alert_notification set due_at = null, outcome = 'dropped' where target = $1 and due_at is not null and not $10
   )
   insert into millrace.alert_target as t (name, kind, project, config, version, wrapped_key, sealed, least_severity, enabled, created_by, changed_by)
   values ($1, $2, $3, $4::jsonb, $5, $7, $8, $9, $10, $11, $11)
   on conflict (name) do update
   set config = excluded.config, version = excluded.version,
     wrapped_key = case when $6 then $7 else t.wrapped_key end, sealed = case when $6 then $8 else t.sealed end,
     least_severity = excluded.least_severity, enabled = excluded.enabled, changed_at = clock_timestamp(), changed_by = excluded.changed_by
   returning ${COLUMNS}`,
);

/** With its log, and what was still to be told. */
export const deleteAlertTarget = statement<[name: string], AlertTargetRow>(
  "delete_alert_target",
  `with gone as (delete from millrace.alert_target where name = $1 returning ${COLUMNS}),
     forgotten as (delete from millrace.alert_notification where target = $1),
     ungrouped as (delete from millrace.alert_group where recipient = 'target ' || $1)
   select * from gone`,
);

/** What sends to one must know. */
export const openableTarget = statement<
  [name: string],
  {
    kind: AlertTargetKind;
    config: AlertTargetConfig;
    version: number;
    wrapped_key: Buffer | null;
    sealed: Buffer | null;
  }
>(
  "openable_alert_target",
  `select kind, config, version, wrapped_key, sealed from millrace.alert_target where name = $1 and enabled`,
);

/** The keys that credentials of targets are under. */
export const alertTargetKeyIds = statement<[], { key_id: string }>(
  "alert_target_key_ids",
  `select distinct key_id from millrace.alert_target where key_id is not null order by key_id`,
);

/** The next that are under another key than this, in the order of their names. */
export const lockTargetsUnderOtherKeys = statement<
  [keyId: string, after: string, limit: number],
  WrappedRow
>(
  "lock_alert_targets_under_other_keys",
  `select name, version, wrapped_key from millrace.alert_target
   where key_id <> $1 and name > $2 order by name limit $3
   for no key update skip locked`,
);

export const keepRewrappedTargets = statement<[names: string[], wrappedKeys: Buffer[]], never>(
  "keep_rewrapped_alert_targets",
  `update millrace.alert_target t set wrapped_key = r.wrapped_key
   from unnest($1::text[], $2::bytea[]) r (name, wrapped_key) where t.name = r.name`,
);
