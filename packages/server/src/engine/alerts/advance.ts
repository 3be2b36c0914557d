import type { AlertItem, AlertRow } from "../../store/alerts.ts";
import type { EffectiveRule } from "./effective-rule.ts";
import type { Observation } from "./observe.ts";

/** What would fire again soon is not resolved at once: as long as it takes to fire, and at the most so long. */
const MOST_HOLD_MS = 5 * 60_000;

/** What is to be written of the alerts of one rule. */
export interface Advanced {
  readonly put: AlertItem[];
  /** Those that were pending, and will not fire. */
  readonly drop: string[];
}

/**
 * Takes the open alerts of a rule on: pending, firing once it has been so for as long as the rule says, resolved once it has not been so for as
 * long. Pure.
 *
 * @param rule undefined for one that is gone, or switched off: all of its alerts are over
 * @param seen what it would fire about now
 */
export function advance(
  rule: EffectiveRule | undefined,
  open: readonly AlertRow[],
  seen: readonly Observation[],
  now: Date,
): Advanced {
  const known = new Map(open.map((alert) => [placeOf(alert), alert]));
  const put: AlertItem[] = [];
  const drop: string[] = [];
  for (const observation of rule ? seen : []) {
    const alert = known.get(placeOf(observation));
    // Pending since a time that is still to come: the clock was put back meanwhile, and it would not fire before. It begins anew.
    if (alert?.state === "pending" && alert.since > now) {
      drop.push(alert.id);
      put.push(stillSo(rule!, undefined, observation, now));
      known.delete(placeOf(observation));
      continue;
    }
    known.delete(placeOf(observation));
    const next = stillSo(rule!, alert, observation, now);
    if (!alert || isOther(alert, next)) put.push(next);
  }
  for (const alert of known.values()) {
    if (alert.state === "pending") {
      drop.push(alert.id);
      continue;
    }
    const next = noMoreSo(rule, alert, now);
    if (isOther(alert, next)) put.push(next);
  }
  return { put, drop };
}

/** One alert of a rule for each of these. */
function placeOf({ project, subject }: { project: string | null; subject: string }): string {
  return JSON.stringify([project, subject]);
}

function stillSo(
  { name, kind, threshold, forMs, severity }: EffectiveRule,
  alert: AlertRow | undefined,
  { project, subject, value, detail }: Observation,
  now: Date,
): AlertItem {
  const since = alert?.since ?? now;
  const fires = alert?.state === "firing" || now.getTime() - since.getTime() >= forMs;
  return {
    ...{ id: alert?.id ?? null, rule: name, kind, project, subject, severity, value, threshold },
    detail: detail ?? null,
    state: fires ? "firing" : "pending",
    since: since.toISOString(),
    fired_at: alert?.fired_at?.toISOString() ?? (fires ? now.toISOString() : null),
    clear_since: null,
    resolved_at: null,
  };
}

function noMoreSo(rule: EffectiveRule | undefined, alert: AlertRow, now: Date): AlertItem {
  const { clear_since: clear } = alert;
  const since = clear === null || clear > now ? now : clear;
  const holdMs = rule ? Math.min(rule.forMs, MOST_HOLD_MS) : 0;
  const over = now.getTime() - since.getTime() >= holdMs;
  const { id, rule: name, kind, project, subject, severity, value, threshold, detail } = alert;
  return {
    ...{ id, rule: name, kind, project, subject, severity, value, threshold, detail },
    state: over ? "resolved" : "firing",
    since: alert.since.toISOString(),
    fired_at: alert.fired_at?.toISOString() ?? null,
    clear_since: since.toISOString(),
    resolved_at: over ? now.toISOString() : null,
  };
}

/** A value alone that has moved is written as well: it is what people see. */
function isOther(alert: AlertRow, next: AlertItem): boolean {
  return (
    alert.state !== next.state ||
    alert.severity !== next.severity ||
    alert.value !== next.value ||
    alert.threshold !== next.threshold ||
    alert.detail !== next.detail ||
    (alert.clear_since?.toISOString() ?? null) !== next.clear_since
  );
}
