import { SEVERITIES } from "@millrace/core";
import type { AlertRow } from "../../store/alerts.ts";
import type { AlertSilenceRow } from "../../store/alert-silences.ts";
import type { GroupRow, RecipientRow } from "../../store/alert-notifications.ts";

/** Somebody is told of a rule so often at the most, whatever comes and goes: what happens meanwhile is told together. */
const GROUP_MS = 5 * 60_000;

/** What still fires, and what nobody has acknowledged, is told again after so long. */
const REPEAT_MS = 4 * 3_600_000;

/** What one recipient is to be told of one rule now. */
export interface Telling {
  /** All that fire, the most severe first; those that have been told before, too. */
  readonly firing: readonly AlertRow[];
  readonly resolved: readonly AlertRow[];
  /** Of which they know from now on that they fire. */
  readonly told: readonly string[];
}

/**
 * What there is to tell a recipient of a rule: nothing, while nothing has changed, it has been told a moment ago, or is silenced. Pure.
 *
 * @param firing all alerts of the rule that fire
 * @param ended those that were told to the recipient, and have ended since
 */
export function toTell(
  group: GroupRow | undefined,
  firing: readonly AlertRow[],
  ended: readonly AlertRow[],
  isSilenced: (alert: AlertRow) => boolean,
  now: Date,
): Telling | undefined {
  const told = new Set(group?.told);
  // What was told in the future was told before the clock was put back: that must not silence anybody until then.
  const sinceMs = group ? Math.abs(now.getTime() - group.told_at.getTime()) : Infinity;
  const loud = firing.filter((alert) => !isSilenced(alert));
  const over = ended.filter((alert) => !isSilenced(alert));
  const fresh = loud.filter(({ id }) => !told.has(id));
  const changed = fresh.length + over.length > 0 && sinceMs >= GROUP_MS;
  const again = loud.some((alert) => alert.acknowledged_at === null) && sinceMs >= REPEAT_MS;
  if (!changed && !again) return undefined;
  const quiet = [...firing, ...ended].filter((alert) => isSilenced(alert) && told.has(alert.id));
  return {
    firing: loud.toSorted(bySeverity),
    resolved: over,
    told: [...loud, ...quiet].map(({ id }) => id),
  };
}

/** Whether a recipient is told of an alert at all. */
export function concerns(
  { project, least_severity: least, job }: RecipientRow,
  alert: Pick<AlertRow, "project" | "severity" | "kind" | "subject">,
  about: string,
): boolean {
  if (project !== null && project !== alert.project) return false;
  if (job !== null && !(about === "job" && alert.subject === job)) return false;
  return SEVERITIES.indexOf(alert.severity) <= SEVERITIES.indexOf(least);
}

export function silences(
  silence: AlertSilenceRow,
  { rule, subject, project }: Pick<AlertRow, "rule" | "subject" | "project">,
): boolean {
  return (
    (silence.rule === null || silence.rule === rule) &&
    (silence.subject === null || silence.subject === subject) &&
    (silence.project === null || silence.project === project)
  );
}

function bySeverity(one: AlertRow, other: AlertRow): number {
  return (
    SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity) ||
    one.subject.localeCompare(other.subject)
  );
}
