import {
  ALERT_KINDS,
  ALERT_KIND_NAMES,
  type AlertKind,
  type AlertKindName,
  type Projects,
  type Severity,
  isAlertKind,
} from "@millrace/core";
import { type AlertRuleRow, listAlertRules } from "../../store/alert-rules.ts";
import type { Queryable } from "../../store/statement.ts";

/** A rule as it is applied: what it does not say itself, its kind says. */
export interface EffectiveRule {
  readonly name: string;
  readonly kind: AlertKindName;
  readonly project: string | null;
  readonly subject: string | null;
  readonly threshold: number;
  readonly forMs: number;
  /** Undefined for what is so at the moment. */
  readonly windowMs: number | undefined;
  readonly severity: Severity;
  readonly enabled: boolean;
  /** Whether it says something itself. */
  readonly changed: boolean;
  /** Null for one that nobody has made or changed. */
  readonly changedAt: Date | null;
  readonly changedBy: string | null;
}

/**
 * The rules: one of each kind, which is named as that and is there without a row, and those that people have made or changed. To who is confined to
 * projects there are those of these alone. What a version knows nothing of, it leaves alone.
 */
export async function allRules(db: Queryable, projects: Projects): Promise<EffectiveRule[]> {
  const rows = await listAlertRules(db, projects);
  const named = new Set(rows.map(({ name }) => name));
  const untouched = projects === null ? ALERT_KIND_NAMES.filter((kind) => !named.has(kind)) : [];
  const rules = [...untouched.map(builtIn), ...rows.flatMap((row) => effectiveRule(row) ?? [])];
  return rules.toSorted(
    (a, b) =>
      Number(isAlertKind(b.name)) - Number(isAlertKind(a.name)) || a.name.localeCompare(b.name),
  );
}

/** Undefined for a kind that this version does not know. */
export function effectiveRule(row: AlertRuleRow): EffectiveRule | undefined {
  if (!isAlertKind(row.kind)) return undefined;
  const kind: AlertKind = ALERT_KINDS[row.kind];
  const own = [row.subject, row.threshold, row.for_ms, row.window_ms, row.severity];
  return {
    ...{ name: row.name, kind: row.kind, project: row.project, subject: row.subject },
    threshold: row.threshold ?? kind.threshold,
    forMs: row.for_ms ?? kind.forMs,
    windowMs: kind.windowMs === undefined ? undefined : (row.window_ms ?? kind.windowMs),
    severity: row.severity ?? kind.severity,
    enabled: row.enabled,
    changed: own.some((one) => one !== null),
    ...{ changedAt: row.changed_at, changedBy: row.changed_by },
  };
}

/** The rule of a kind that is there from the beginning, as it was then. */
export function builtIn(kind: AlertKindName): EffectiveRule {
  const { threshold, forMs, windowMs, severity }: AlertKind = ALERT_KINDS[kind];
  return {
    ...{ name: kind, kind, project: null, subject: null, threshold, forMs, windowMs, severity },
    ...{ enabled: true, changed: false, changedAt: null, changedBy: null },
  };
}
