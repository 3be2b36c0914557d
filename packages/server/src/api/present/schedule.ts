import { isDeepStrictEqual } from "node:util";
import { type Json, type Rule, readExactJson } from "@millrace/core";
import type { OccurrenceInfo, ScheduleInfo } from "@millrace/core/api";
import type { OccurrenceRow } from "../../store/occurrences.ts";
import type { ScheduleDefinition, ScheduleRow } from "../../store/schedules.ts";
import { instant } from "./instant.ts";

export function presentSchedule(row: ScheduleRow): ScheduleInfo {
  const own = { ...row, input: readExactJson(row.input) as Json };
  return {
    name: row.name,
    ...presentDefinition(own),
    // One that was made by SQL has to be looked at first.
    nextAt: row.next_nominal && instant(row.next_at),
    nextNominal: instant(row.next_nominal),
    waiting: row.waiting,
    paused: presentPause(row),
    problem: row.problem,
    defined: row.defined && presentDefinition(row.defined),
    changedBy: row.changed_by,
    differs: row.defined ? differences(own, row.defined) : [],
    createdBy: row.created_by,
    createdAt: instant(row.created_at),
    changedAt: instant(row.changed_at),
  };
}

function presentDefinition({ job, rule, policy, input }: ScheduleDefinition) {
  return { job, rule: presentRule(rule), ...policy, input: input as Json };
}

function presentRule(rule: Rule): ScheduleInfo["rule"] {
  return {
    cron: rule.cron ?? null,
    everyMs: rule.everyMs ?? null,
    anchor: rule.anchor ?? null,
    at: rule.at ?? null,
    calendar: (rule.calendar as ScheduleInfo["rule"]["calendar"]) ?? null,
    timeZone: rule.timeZone,
    start: rule.start ?? null,
    end: rule.end ?? null,
    jitterMs: rule.jitterMs ?? null,
    blackouts: (rule.blackouts ?? []) as ScheduleInfo["rule"]["blackouts"],
  };
}

function differences(own: ScheduleDefinition, defined: ScheduleDefinition): string[] {
  return (["job", "rule", "policy", "input"] as const).filter(
    (part) => !isDeepStrictEqual(own[part], defined[part]),
  );
}

/** The pause that holds now; the row keeps one that is over. */
function presentPause(row: ScheduleRow): ScheduleInfo["paused"] {
  const { paused_at, paused_by, pause_reason, paused_until, now } = row;
  if (!paused_at || (paused_until && paused_until <= now)) return null;
  return {
    at: instant(paused_at),
    by: paused_by ?? "",
    reason: pause_reason,
    until: instant(paused_until),
  };
}

export function presentOccurrence(row: OccurrenceRow): OccurrenceInfo {
  return {
    nominal: instant(row.nominal),
    at: instant(row.at),
    outcome: row.outcome,
    reason: row.reason,
    runId: row.run_id,
    decidedAt: instant(row.decided_at),
    dst: row.dst,
    alert: row.alert,
    alertedAt: instant(row.alerted_at),
    backfill: row.operation_id,
  };
}
