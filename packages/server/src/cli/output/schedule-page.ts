import { formatDuration } from "@millrace/core";
import type { ScheduleInfo } from "@millrace/core/api";
import { harmless, harmlessJson } from "./harmless.ts";
import { pauseText } from "./pause-words.ts";
import type { Screen, Style } from "./screen.ts";
import { localTime } from "./words.ts";

/** A rule in a few words, such as `30 1 * * * Europe/Lisbon`. */
export function ruleText(rule: ScheduleInfo["rule"]): string {
  const { cron, everyMs, at, calendar, timeZone, anchor } = rule;
  if (cron !== null) return `${cron} ${timeZone}`;
  if (everyMs !== null) {
    return `every ${formatDuration(everyMs)}${anchor ? ` from ${anchor}` : ""}`;
  }
  return at === null ? `calendar ${JSON.stringify(calendar)} ${timeZone}` : `at ${at}`;
}

export function scheduleState(schedule: ScheduleInfo): string {
  const { problem, paused, nextAt } = schedule;
  if (problem !== null) return `✕ ${problem}`;
  if (paused) return pauseText(paused);
  return nextAt === null ? "– Over" : "✓ Active";
}

export function scheduleStyle({ problem, paused }: ScheduleInfo): Style | undefined {
  if (problem !== null) return "red";
  return paused ? "yellow" : undefined;
}

/** Where a schedule comes from, and whether somebody has changed it. */
export function sourceText({ defined, changedBy, createdBy, differs }: ScheduleInfo): string {
  if (!defined) return createdBy;
  return changedBy === null ? "code" : `code, changed by ${changedBy}: ${differs.join(", ")}`;
}

export function printSchedule(screen: Screen, schedule: ScheduleInfo): void {
  const state = scheduleState(schedule);
  const style = scheduleStyle(schedule);
  screen.line(
    `${harmless(schedule.name)}  ${style ? screen.style(style, harmless(state)) : harmless(state)}`,
  );
  for (const [label, text] of facts(schedule)) {
    screen.line(`  ${screen.style("gray", label.padEnd(9))} ${harmless(text)}`);
  }
}

function* facts(schedule: ScheduleInfo): Generator<[label: string, text: string]> {
  const { rule, nextAt, defined, changedBy, waiting } = schedule;
  yield ["rule", ruleText(rule)];
  if (rule.start) yield ["start", rule.start];
  if (rule.end) yield ["end", rule.end];
  if (rule.jitterMs !== null) yield ["jitter", `up to ${formatDuration(rule.jitterMs)}`];
  for (const { days = [], from, until } of rule.blackouts) {
    yield ["blackout", `${days.length > 0 ? `${days.join(",")} ` : ""}${from} to ${until}`];
  }
  yield ["job", schedule.job];
  yield ["input", harmlessJson(schedule.input).slice(0, 500)];
  yield ["next", nextAt === null ? "nothing" : `${nextAt} (${localTime(nextAt)} here)`];
  if (waiting > 0) yield ["waiting", `${waiting} until a run of it has ended`];
  yield ["overlap", schedule.overlap];
  const limit = schedule.missed === "all" ? `, up to ${schedule.missedLimit}` : "";
  yield ["missed", `${schedule.missed}${limit}, after ${formatDuration(schedule.graceMs)}`];
  yield ["from", sourceText(schedule)];
  if (defined && changedBy !== null) {
    yield ["code says", `${ruleText(defined.rule)}, job ${defined.job}; change --reset goes back`];
  }
}
