import {
  type Json,
  MillraceError,
  POLICY_OPTIONS,
  RULE_OPTIONS,
  type Rule,
  type RuleOptions,
  type SchedulePolicy,
  type SchedulePolicyOptions,
  requireName,
  schedulePolicy,
  scheduleRule,
  toInputText,
} from "@millrace/core";
import type { AnyJob, InputOf } from "./job.ts";

const IS_SCHEDULE = Symbol.for("millrace.schedule");

/** When, and with what, a job starts by itself, as an author writes it. */
export interface ScheduleOptions<Input = unknown> extends RuleOptions, SchedulePolicyOptions {
  /** Unique among the schedules of a server. Default in `schedules` of a job: the job's name. */
  name?: string;
  /** What its runs get. Default `{}`. `ctx.scheduledFor` has the instant. */
  input?: Input;
}

/** A schedule as the platform uses it: every option checked. */
export interface Schedule {
  readonly name: string;
  readonly job: string;
  readonly rule: Rule;
  readonly policy: SchedulePolicy;
  /** JSON. */
  readonly input: Json;
}

/**
 * Defines a schedule of a job beside it; `schedules` in `defineJob` says the same. Export it: servers that load it register
 * it, change it when the code has changed, and remove it when the code has it no more. What an operator has changed is
 * kept, and shown as a difference.
 *
 * @example
 *   export const nightly = defineSchedule(report, { name: "nightly", cron: "30 1 * * *", timeZone: "Europe/Lisbon" });
 *
 * @throws MillraceError `invalid_schedule` naming the option
 */
export function defineSchedule<J extends AnyJob>(
  job: J,
  options: ScheduleOptions<InputOf<J>> & { name: string },
): Schedule {
  return scheduleOf(job.name, options);
}

export function scheduleOf(job: string, options: ScheduleOptions): Schedule {
  const { name = job, input = {} } = options;
  try {
    requireName(name, "name");
    const known: readonly string[] = ["name", "input", ...RULE_OPTIONS, ...POLICY_OPTIONS];
    const unknown = Object.keys(options).find((key) => !known.includes(key));
    if (unknown) {
      throw new MillraceError(
        "invalid_schedule",
        `${unknown} is not an option; the options are ${known.join(", ")}`,
      );
    }
    const schedule: Schedule = {
      name,
      job,
      rule: scheduleRule(options),
      policy: schedulePolicy(options),
      input: JSON.parse(toInputText(input)) as Json,
    };
    Object.defineProperty(schedule, IS_SCHEDULE, { value: true });
    return Object.freeze(schedule);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError("invalid_schedule", `schedule ${name}: ${error.message}`);
  }
}

/** Whether a value, such as a module's export, is a schedule; it may come from another copy of this package. */
export function isSchedule(value: unknown): value is Schedule {
  return typeof value === "object" && value !== null && IS_SCHEDULE in value;
}
