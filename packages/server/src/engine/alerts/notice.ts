import {
  ALERT_KINDS,
  type AlertKind,
  type AlertKindName,
  type Severity,
  alertAmount,
  alertSummary,
  formatDuration,
} from "@millrace/core";
import type { AlertRow } from "../../store/alerts.ts";
import type { EffectiveRule } from "./effective-rule.ts";

/** More alerts than this are counted, and not listed. */
const MOST_LISTED = 20;

/** One alert as others are told of it. Instants are ISO 8601. */
export interface NoticedAlert {
  readonly id: string;
  readonly summary: string;
  readonly severity: Severity;
  readonly project: string | null;
  readonly about: string;
  readonly subject: string;
  readonly value: number;
  readonly threshold: number;
  /** Both in words, such as `41 runs`. */
  readonly valueText: string;
  readonly thresholdText: string;
  readonly detail: string | null;
  readonly since: string;
  readonly firedAt: string | null;
  readonly resolvedAt: string | null;
  /** Where it can be looked at; null where nobody has told the address of the server. */
  readonly link: string | null;
}

/** What somebody is told of one rule. */
export interface Notice {
  readonly rule: string;
  readonly kind: AlertKindName;
  readonly severity: Severity;
  readonly explanation: string;
  readonly whatToDo: string;
  readonly docs: string;
  readonly firing: readonly NoticedAlert[];
  readonly resolved: readonly NoticedAlert[];
  /** Alerts that are not listed. */
  readonly more: number;
}

/** @param publicUrl the address that people have for the server, without a slash at its end */
export function noticeOf(
  rule: Pick<EffectiveRule, "name" | "kind" | "windowMs" | "severity">,
  { firing, resolved }: { firing: readonly AlertRow[]; resolved: readonly AlertRow[] },
  publicUrl: string | undefined,
): Notice {
  const { why, todo }: AlertKind = ALERT_KINDS[rule.kind];
  const listed = (alerts: readonly AlertRow[]) =>
    alerts.slice(0, MOST_LISTED).map((alert) => noticed(rule, alert, publicUrl));
  const left = (alerts: readonly AlertRow[]) => Math.max(0, alerts.length - MOST_LISTED);
  return {
    ...{ rule: rule.name, kind: rule.kind },
    severity: (firing[0] ?? resolved[0])?.severity ?? rule.severity,
    ...{ explanation: why, whatToDo: todo, docs: `docs/alerts.md#${rule.kind}` },
    firing: listed(firing),
    resolved: listed(resolved),
    more: left(firing) + left(resolved),
  };
}

/** What an alert says, with how long it is so and what is known besides. */
export function longSummary(
  { summary, detail, since, resolvedAt, thresholdText }: NoticedAlert,
  now: Date,
): string {
  const end = resolvedAt === null ? now : new Date(resolvedAt);
  const length = formatDuration(Math.max(0, end.getTime() - Date.parse(since)));
  const more = detail === null ? "" : `; ${detail}`;
  const verb = resolvedAt === null ? "for" : "it was so for";
  return `${summary} (threshold ${thresholdText}${more}), ${verb} ${length}`;
}

function noticed(
  { kind, windowMs }: Pick<EffectiveRule, "kind" | "windowMs">,
  alert: AlertRow,
  publicUrl: string | undefined,
): NoticedAlert {
  const { about, unit }: AlertKind = ALERT_KINDS[kind];
  const { id, subject, value, threshold, severity, project, detail } = alert;
  return {
    ...{ id, severity, project, about, subject, value, threshold, detail },
    summary: alertSummary({ kind, subject, value, threshold, windowMs }),
    valueText: alertAmount(unit, value),
    thresholdText: alertAmount(unit, threshold),
    since: alert.since.toISOString(),
    firedAt: alert.fired_at?.toISOString() ?? null,
    resolvedAt: alert.resolved_at?.toISOString() ?? null,
    link: publicUrl === undefined ? null : `${publicUrl}${placeOf(about, subject)}`,
  };
}

/** The page of the dashboard that has it. */
function placeOf(about: AlertKind["about"], subject: string): string {
  const segment = encodeURIComponent(subject);
  switch (about) {
    case "queue":
      return `/queues/${segment}`;
    case "job":
      return `/jobs/${segment}`;
    case "schedule":
      return `/schedules/${segment}`;
    case "project":
      return "/workers";
    default:
      return "/alerts";
  }
}
