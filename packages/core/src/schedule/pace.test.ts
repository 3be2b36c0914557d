import { expect, test } from "vitest";
import { isFinerThanMinutes } from "./pace.ts";
import { type RuleOptions, scheduleRule } from "./rule.ts";

const NOW = Date.parse("2027-03-27T00:00:30Z");

test.each<[RuleOptions, boolean]>([
  [{ cron: "* * * * *" }, false],
  [{ cron: "17 * * * * *" }, false],
  [{ cron: "0,59 * * * * *" }, true],
  [{ cron: "*/30 59 23 31 12 *" }, true],
  [{ cron: "*/5 1 * * *", timeZone: "Europe/Lisbon" }, false],
  [{ cron: "30 1 29 2 *" }, false],
  [{ every: "59s" }, true],
  [{ every: "1m" }, false],
  [{ at: "2027-06-01T00:00:00Z" }, false],
  [{ at: "2020-06-01T00:00:00Z" }, false],
  [{ calendar: { at: ["09:00", "10:00:30", "10:01:15"], weekdays: ["mon"] } }, true],
  [{ calendar: { at: ["09:00", "09:01", "09:02"], monthDays: [1] } }, false],
  [{ every: "1s", start: "2028-01-01T00:00:00Z" }, true],
])("%j names instants less than a minute apart: %s", (options, finer) => {
  expect(isFinerThanMinutes(scheduleRule(options), NOW)).toBe(finer);
});
