import { expect, test } from "vitest";
import { cronInWords } from "./rule-in-words.ts";
import { upcomingOf } from "./upcoming.ts";

const RULE = {
  ...{ cron: null, everyMs: null, anchor: null, at: null, calendar: null, timeZone: "UTC" },
  ...{ start: null, end: null, jitterMs: null, blackouts: [] },
};

test.each([
  ["* * * * *", "every minute"],
  ["*/15 * * * *", "every 15 minutes"],
  ["5 * * * *", "every hour at :05"],
  ["0 */6 * * *", "every 6 hours at :00"],
  ["0 7 * * 1-5", "at 07:00, Mon to Fri"],
  ["30 1,13 * * sat,sun", "at 01:30, 13:30, Sat, Sun"],
  ["0 3 1 * *", "at 03:00, on day 1 of the month"],
  ["0 3 L * *", "at 03:00, on the last day of the month"],
  ["@daily", "daily at 00:00"],
])("%s is %s", (cron, words) => {
  expect(cronInWords(cron)).toBe(words);
});

test.each(["*/7 * * * *", "0 7 * 3 *", "0 0 13 * 5", "1-5 * * * *", "0 0 7 * * *", "0 7 * * 1#2"])(
  "%s has no words that would be quite true, and stays as it is",
  (cron) => {
    expect(cronInWords(cron)).toBe(cron);
  },
);

test("what comes is reckoned by the rule, with what the clocks do to it", () => {
  const rule = { ...RULE, cron: "30 1 * * *", timeZone: "Europe/London" };
  const from = Date.parse("2026-03-28T00:00:00Z");
  const { occurrences, more } = upcomingOf({ name: "dst", rule }, from, from + 3 * 86_400_000);
  expect(occurrences.map(({ at, dst }) => [at, dst])).toEqual([
    ["2026-03-28T01:30:00.000Z", null],
    ["2026-03-29T01:00:00.000Z", "gap"],
    ["2026-03-30T00:30:00.000Z", null],
  ]);
  expect(more).toBe(false);
});

test("of a schedule that fires all the time only so many are looked at, and it is said", () => {
  const rule = { ...RULE, everyMs: 1000 };
  const { occurrences, more } = upcomingOf({ name: "often", rule }, 0, 86_400_000, 10);
  expect([occurrences.length, more]).toEqual([10, true]);
});

test("a rule that cannot be read fires never", () => {
  const rule = { ...RULE, cron: "nonsense" };
  expect(upcomingOf({ name: "bad", rule }, 0, 1).occurrences).toEqual([]);
});
