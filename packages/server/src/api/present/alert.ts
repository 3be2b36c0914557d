import { ALERT_KINDS, type AlertKind, alertSummary, isAlertKind } from "@millrace/core";
import type {
  AlertInfo,
  AlertRuleInfo,
  AlertSilenceInfo,
  AlertTargetInfo,
  NotificationInfo,
} from "@millrace/core/api";
import type { EffectiveRule } from "../../engine/alerts/effective-rule.ts";
import { silences } from "../../engine/alerts/telling.ts";
import type { NotificationRow } from "../../store/alert-notifications.ts";
import type { AlertSilenceRow } from "../../store/alert-silences.ts";
import type { AlertTargetRow } from "../../store/alert-targets.ts";
import type { AlertRow } from "../../store/alerts.ts";
import { instant } from "./instant.ts";

/** @param rule of it, while it is there: how far back it looks */
export function presentAlert(
  row: AlertRow,
  rule: EffectiveRule | undefined,
  quiet: readonly AlertSilenceRow[],
): AlertInfo {
  const { kind, subject, value, threshold } = row;
  const known: AlertKind | undefined = isAlertKind(kind) ? ALERT_KINDS[kind] : undefined;
  const windowMs = rule?.windowMs ?? known?.windowMs;
  return {
    ...{ id: row.id, rule: row.rule, kind, project: row.project, subject },
    about: known?.about ?? kind,
    state: row.state,
    severity: row.severity,
    summary: isAlertKind(kind)
      ? alertSummary({ kind, subject, value, threshold, windowMs })
      : `${kind}: ${subject}`,
    explanation: known?.why ?? "",
    whatToDo: known?.todo ?? "",
    ...{ value, threshold, detail: row.detail },
    since: instant(row.since),
    firedAt: row.fired_at && instant(row.fired_at),
    resolvedAt: row.resolved_at && instant(row.resolved_at),
    silenced: quiet.some((silence) => silences(silence, row)),
    acknowledgedAt: row.acknowledged_at && instant(row.acknowledged_at),
    acknowledgedBy: row.acknowledged_by,
    note: row.note,
  };
}

/** @param subjectMissing whether there is nothing that it could tell of */
export function presentAlertRule(rule: EffectiveRule, subjectMissing: boolean): AlertRuleInfo {
  const { about, unit, below }: AlertKind = ALERT_KINDS[rule.kind];
  const { name, kind, project, subject, threshold, forMs, windowMs, severity } = rule;
  return {
    ...{ name, kind, about, unit, below: below === true },
    ...{ project, subject, subjectMissing, threshold, forMs, windowMs: windowMs ?? null, severity },
    changed: rule.changed,
    enabled: rule.enabled,
    builtIn: isAlertKind(name),
    changedAt: rule.changedAt && instant(rule.changedAt),
    changedBy: rule.changedBy,
  };
}

export function presentAlertSilence(row: AlertSilenceRow): AlertSilenceInfo {
  return {
    ...{ id: row.id, project: row.project, rule: row.rule, subject: row.subject },
    until: instant(row.until),
    reason: row.reason,
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
  };
}

export function presentAlertTarget(row: AlertTargetRow): AlertTargetInfo {
  const { config } = row;
  return {
    ...{ name: row.name, kind: row.kind, project: row.project },
    host: config.server ?? config.host ?? null,
    user: config.user ?? null,
    from: config.from ?? null,
    to: config.to ?? null,
    hasCredential: row.key_id !== null,
    leastSeverity: row.least_severity,
    enabled: row.enabled,
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    changedAt: instant(row.changed_at),
    changedBy: row.changed_by,
  };
}

export function presentNotification(row: NotificationRow): NotificationInfo {
  return {
    ...{ id: row.id, target: row.target, rule: row.rule, event: row.event },
    at: instant(row.at),
    outcome: row.outcome,
    attempts: row.attempts,
    lastAttemptAt: row.last_at && instant(row.last_at),
    nextAttemptAt: row.due_at && instant(row.due_at),
    status: row.status,
    error: row.error,
    answer: row.answer,
    body: JSON.parse(row.body) as NotificationInfo["body"],
  };
}
