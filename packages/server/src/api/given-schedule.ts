import {
  type Rule,
  type RuleOptions,
  type SchedulePolicyOptions,
  durationText,
  ruleOptions,
  schedulePolicy,
  scheduleRule,
  toInputText,
} from "@millrace/core";
import type { ChangeSchedule, CreateSchedule } from "@millrace/core/api";
import type { GivenSchedule } from "../engine/schedule/schedules.ts";
import type { ScheduleRow } from "../store/schedules.ts";

/** A new schedule as the engine takes it. */
export function givenSchedule(body: CreateSchedule): GivenSchedule {
  return {
    job: body.job,
    rule: checkedRule(body),
    policy: schedulePolicy(body as SchedulePolicyOptions),
    input: toInputText(body.input ?? {}),
  };
}

/** What a schedule says after a change; a rule of another kind takes the place of the old one. */
export function changedSchedule(row: ScheduleRow, body: ChangeSchedule): GivenSchedule {
  const { job = row.job, input, overlap, missed, missedLimit, grace, ...rule } = body;
  const policy = {
    overlap: overlap ?? row.policy.overlap,
    missed: missed ?? row.policy.missed,
    missedLimit: missedLimit ?? row.policy.missedLimit,
    grace: grace ?? durationText(row.policy.graceMs),
  };
  return {
    job,
    rule: Object.keys(rule).length === 0 ? row.rule : changedRule(row.rule, rule as RuleOptions),
    policy: schedulePolicy(policy),
    input: input === undefined ? row.input : toInputText(input),
  };
}

const KINDS = ["cron", "every", "at", "calendar"] as const;

function changedRule(old: Rule, change: RuleOptions): Rule {
  const { anchor, ...same } = ruleOptions(old);
  const kinds = KINDS.filter((kind) => change[kind] !== undefined);
  if (kinds.length > 0) for (const kind of KINDS) delete same[kind];
  const staysInterval = anchor !== undefined && (kinds.length === 0 || change.every !== undefined);
  const merged = { ...same, ...(staysInterval && { anchor }), ...change };
  // Null takes a limit away.
  return checkedRule(
    Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)),
  );
}

/** A rule out of a request's body. */
export function checkedRule(body: object): Rule {
  return scheduleRule(body);
}
