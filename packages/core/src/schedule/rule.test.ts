import { describe, expect, test } from "vitest";
import { type Rule, type RuleOptions, occurrencesOf, scheduleRule } from "./rule.ts";

/** The next occurrences after an instant, in UTC, with their mark. */
function next(options: RuleOptions, from: string, count = 3, name = "x"): string[] {
  const find = occurrencesOf(scheduleRule(options), name);
  const found: string[] = [];
  for (let after = Date.parse(from); found.length < count;) {
    const occurrence = find(after);
    if (!occurrence) return found;
    const { nominal, dst } = occurrence;
    const at = new Date(nominal).toISOString().replace(":00.000Z", "Z");
    found.push(dst === null ? at : `${at} ${dst}`);
    after = nominal;
  }
  return found;
}

describe("a time that a zone skips or shows twice", () => {
  const cases: [rule: string, zone: string, from: string, expected: string[]][] = [
    [
      "30 1 * * *",
      "Europe/Lisbon",
      "2027-03-27T00:00:00Z",
      ["2027-03-27T01:30Z", "2027-03-28T01:00Z gap", "2027-03-29T00:30Z"],
    ],
    [
      "30 1 * * *",
      "Europe/Lisbon",
      "2027-10-30T00:00:00Z",
      ["2027-10-30T00:30Z", "2027-10-31T00:30Z first-of-two", "2027-11-01T01:30Z"],
    ],
    [
      "30 2 * * *",
      "America/New_York",
      "2027-03-13T00:00:00Z",
      ["2027-03-13T07:30Z", "2027-03-14T07:00Z gap", "2027-03-15T06:30Z"],
    ],
    [
      "30 1 * * *",
      "America/New_York",
      "2027-11-06T00:00:00Z",
      ["2027-11-06T05:30Z", "2027-11-07T05:30Z first-of-two", "2027-11-08T06:30Z"],
    ],
    // Half an hour each: at 02:00 on 3 October forward, on 4 April back.
    [
      "15 2 * * *",
      "Australia/Lord_Howe",
      "2027-10-02T00:00:00Z",
      ["2027-10-02T15:30Z gap", "2027-10-03T15:15Z", "2027-10-04T15:15Z"],
    ],
    [
      "45 1 * * *",
      "Australia/Lord_Howe",
      "2027-04-03T00:00:00Z",
      ["2027-04-03T14:45Z first-of-two", "2027-04-04T15:15Z", "2027-04-05T15:15Z"],
    ],
    // Samoa had no 30 December 2011, and Tokelau neither.
    [
      "0 9 * * *",
      "Pacific/Apia",
      "2011-12-29T00:00:00Z",
      ["2011-12-29T19:00Z", "2011-12-30T10:00Z gap", "2011-12-30T19:00Z"],
    ],
    [
      "0 9 30 12 *",
      "Pacific/Fakaofo",
      "2011-12-01T00:00:00Z",
      ["2011-12-30T11:00Z gap", "2012-12-29T20:00Z", "2013-12-29T20:00Z"],
    ],
  ];
  test.each(cases)("%s in %s after %s", (cron, timeZone, from, expected) => {
    expect(next({ cron, timeZone }, from)).toEqual(expected);
  });

  test("times in one gap fire once, together with the end of the gap", () => {
    expect(
      next({ cron: "0,30 1,2 * * *", timeZone: "Europe/Lisbon" }, "2027-03-28T00:00:00Z"),
    ).toEqual(["2027-03-28T01:00Z gap", "2027-03-28T01:30Z", "2027-03-29T00:00Z"]);
  });

  test("a rule that names every hour follows the clock: in a gap never, in an overlap both times", () => {
    const rule = { cron: "30 * * * *", timeZone: "Europe/Lisbon" };
    expect(next(rule, "2027-03-28T00:00:00Z", 2)).toEqual([
      "2027-03-28T00:30Z",
      "2027-03-28T01:30Z",
    ]);
    expect(next(rule, "2027-10-31T00:00:00Z")).toEqual([
      "2027-10-31T00:30Z first-of-two",
      "2027-10-31T01:30Z second-of-two",
      "2027-10-31T02:30Z",
    ]);
  });

  test("an interval goes by absolute time", () => {
    const rule = { every: "8h", anchor: "2027-03-27T01:30:00Z", timeZone: "Europe/Lisbon" };
    expect(next(rule, "2027-03-27T17:00:00Z")).toEqual([
      "2027-03-27T17:30Z",
      "2027-03-28T01:30Z",
      "2027-03-28T09:30Z",
    ]);
  });

  test("a calendar obeys the rule of fixed times", () => {
    const calendar = { at: "01:30", weekdays: ["sun"] } as const;
    expect(next({ calendar, timeZone: "Europe/Lisbon" }, "2027-03-27T00:00:00Z", 1)).toEqual([
      "2027-03-28T01:00Z gap",
    ]);
  });

  test("the wall time that was named stays known", () => {
    const find = occurrencesOf(
      scheduleRule({ cron: "30 1 * * *", timeZone: "Europe/Lisbon" }),
      "x",
    );
    expect(find(Date.parse("2027-03-28T00:00:00Z"))?.wall).toBe("2027-03-28T01:30:00");
  });
});

describe("cron", () => {
  const cases: [expression: string, expected: string[]][] = [
    ["0 9 * * mon-fri", ["2027-01-01T09:00Z", "2027-01-04T09:00Z", "2027-01-05T09:00Z"]],
    ["*/20 9-10/1 * * *", ["2027-01-01T09:00Z", "2027-01-01T09:20Z", "2027-01-01T09:40Z"]],
    ["0 9 L * *", ["2027-01-31T09:00Z", "2027-02-28T09:00Z", "2027-03-31T09:00Z"]],
    ["0 9 LW * *", ["2027-01-29T09:00Z", "2027-02-26T09:00Z", "2027-03-31T09:00Z"]],
    ["0 9 15W * *", ["2027-01-15T09:00Z", "2027-02-15T09:00Z", "2027-03-15T09:00Z"]],
    ["0 9 * * FRI#2", ["2027-01-08T09:00Z", "2027-02-12T09:00Z", "2027-03-12T09:00Z"]],
    ["0 9 * * 5L", ["2027-01-29T09:00Z", "2027-02-26T09:00Z", "2027-03-26T09:00Z"]],
    ["0 9 13 * fri", ["2027-01-01T09:00Z", "2027-01-08T09:00Z", "2027-01-13T09:00Z"]],
    ["0 9 13 * +fri", ["2027-08-13T09:00Z", "2028-10-13T09:00Z", "2029-04-13T09:00Z"]],
    ["0 0 29 2 *", ["2028-02-29T00:00Z", "2032-02-29T00:00Z", "2036-02-29T00:00Z"]],
    ["@daily", ["2027-01-02T00:00Z", "2027-01-03T00:00Z", "2027-01-04T00:00Z"]],
    ["@Yearly", ["2028-01-01T00:00Z", "2029-01-01T00:00Z", "2030-01-01T00:00Z"]],
    ["0 0 * * 7", ["2027-01-03T00:00Z", "2027-01-10T00:00Z", "2027-01-17T00:00Z"]],
  ];
  test.each(cases)("%s", (cron, expected) => {
    expect(next({ cron }, "2027-01-01T00:00:00Z")).toEqual(expected);
  });

  test("six fields begin with seconds", () => {
    const find = occurrencesOf(scheduleRule({ cron: "15,45 59 23 * * *" }), "x");
    const first = find(Date.parse("2027-01-01T23:59:15Z"))!.nominal;
    expect(new Date(first).toISOString()).toBe("2027-01-01T23:59:45.000Z");
    expect(new Date(find(first)!.nominal).toISOString()).toBe("2027-01-02T23:59:15.000Z");
  });

  test.each([
    ["* * * *", "five fields"],
    ["61 * * * *", "minute"],
    ["0 9 30 2 *", "no day of any year"],
    ["@reboot", "the macros are"],
    ["0 9 * * fre", "illegal characters"],
    ["*/0 * * * *", "stepping"],
    ["2027-01-01T00:00:00", "five fields"],
  ])("%s is refused", (cron, why) => {
    expect(() => scheduleRule({ cron })).toThrow(why);
    expect(() => scheduleRule({ cron })).toThrow(
      expect.objectContaining({ code: "invalid_schedule" }),
    );
  });
});

describe("calendars", () => {
  test("every second Tuesday is counted from its first day", () => {
    const calendar = { at: "09:00", weekdays: ["tue"], everyWeeks: 2, from: "2027-01-05" } as const;
    expect(next({ calendar }, "2027-01-01T00:00:00Z")).toEqual([
      "2027-01-05T09:00Z",
      "2027-01-19T09:00Z",
      "2027-02-02T09:00Z",
    ]);
  });

  test("the last working day knows holidays", () => {
    const calendar = { at: "17:00", workingDays: [-1], holidays: ["2027-12-31", "2027-12-30"] };
    expect(next({ calendar }, "2027-11-01T00:00:00Z")).toEqual([
      "2027-11-30T17:00Z",
      "2027-12-29T17:00Z",
      "2028-01-31T17:00Z",
    ]);
  });

  test("a day that is no working day is kept, left out, or moved", () => {
    // 15 May 2027 is a Saturday, 15 August a Sunday.
    const days = (offDay?: "keep" | "skip" | "before" | "after") =>
      next(
        { calendar: { at: "09:00", monthDays: [15], ...(offDay && { offDay }) } },
        "2027-05-01T00:00:00Z",
        2,
      ).map((at) => at.slice(5, 10));
    expect(days()).toEqual(["05-15", "06-15"]);
    expect(days("skip")).toEqual(["06-15", "07-15"]);
    expect(days("before")).toEqual(["05-14", "06-15"]);
    expect(days("after")).toEqual(["05-17", "06-15"]);
  });

  test("every third month, its last day, twice", () => {
    const calendar = {
      at: ["18:00", "06:00"],
      monthDays: [-1],
      everyMonths: 3,
      from: "2027-01-01",
    };
    expect(next({ calendar }, "2027-01-31T07:00:00Z")).toEqual([
      "2027-01-31T18:00Z",
      "2027-04-30T06:00Z",
      "2027-04-30T18:00Z",
    ]);
  });

  test.each([
    [{ at: "9:00", weekdays: ["mon"] }, "calendar.at"],
    [{ at: "09:00" }, "exactly one of weekdays"],
    [{ at: "09:00", weekdays: ["mon"], everyWeeks: 2 }, "needs a day to count from"],
    [{ at: "09:00", monthDays: [32] }, "calendar.monthDays"],
    [{ at: "09:00", workingDays: [1], holidays: ["2027-02-30"] }, "calendar.holidays"],
    [{ at: "09:00", weekdays: ["mon"], months: 2 }, "calendar.months"],
  ])("%j is refused", (calendar, why) => {
    expect(() => scheduleRule({ calendar: calendar as never })).toThrow(why);
  });
});

describe("around a rule", () => {
  test("start is the first instant that counts, end the first that does not", () => {
    const rule = { every: "1h", start: "2027-01-01T02:00:00Z", end: "2027-01-01T04:00:00Z" };
    expect(next(rule, "2027-01-01T00:00:00Z")).toEqual(["2027-01-01T02:00Z", "2027-01-01T03:00Z"]);
  });

  test("one instant fires once", () => {
    const rule = { at: "2027-01-01T10:00:00+01:00" };
    expect(next(rule, "2027-01-01T00:00:00Z")).toEqual(["2027-01-01T09:00Z"]);
    expect(next(rule, "2027-01-01T09:00:00Z")).toEqual([]);
  });

  test("blackouts go by instants, or by the zone's clock, also over midnight", () => {
    const rule: RuleOptions = {
      every: "1h",
      timeZone: "Europe/Berlin",
      blackouts: [
        { days: ["sat"], from: "22:00", until: "02:00" },
        { from: "2027-02-01T00:00:00Z", until: "2027-02-02T00:00:00Z" },
      ],
    };
    const find = occurrencesOf(scheduleRule(rule), "x");
    const blackoutAt = (at: string) => find(Date.parse(at) - 1)?.blackout ?? null;
    // In winter Berlin is an hour ahead: Saturday 2 January, 22:00 there.
    expect(blackoutAt("2027-01-02T20:00:00Z")).toBeNull();
    expect(blackoutAt("2027-01-02T21:00:00Z")).toBe("blackout sat 22:00 to 02:00");
    expect(blackoutAt("2027-01-03T00:00:00Z")).toContain("sat");
    expect(blackoutAt("2027-01-03T01:00:00Z")).toBeNull();
    expect(blackoutAt("2027-02-01T12:00:00Z")).toContain("2027-02-01");
    expect(blackoutAt("2027-02-02T00:00:00Z")).toBeNull();
  });

  test("jitter is the same for the same occurrence, and spreads over names", () => {
    const rule = scheduleRule({ cron: "0 * * * *", jitter: "10m" });
    const lateness = Array.from({ length: 500 }, (_, n) => {
      const { at, nominal } = occurrencesOf(rule, `s-${n}`)(0)!;
      expect(occurrencesOf(rule, `s-${n}`)(0)!.at).toBe(at);
      return at - nominal;
    });
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateness)).toBeLessThanOrEqual(600_000);
    const mean = lateness.reduce((sum, ms) => sum + ms, 0) / 500;
    expect(mean).toBeGreaterThan(250_000);
    expect(mean).toBeLessThan(350_000);
  });

  test("what is stored reads as what was written", () => {
    const rule = scheduleRule({
      every: "90s",
      anchor: new Date(0),
      start: "2027-01-01T00:00:00+01:00",
    });
    expect(JSON.parse(JSON.stringify(rule)) as Rule).toEqual({
      everyMs: 90_000,
      anchor: "1970-01-01T00:00:00.000Z",
      timeZone: "UTC",
      start: "2026-12-31T23:00:00.000Z",
    });
  });

  test.each([
    [{}, "exactly one of"],
    [{ cron: "@daily", every: "1h" }, "exactly one of"],
    [{ cron: "@daily", anchor: "2027-01-01T00:00:00Z" }, "anchor"],
    [{ every: "500ms" }, "every"],
    [{ at: "2027-01-01T10:00:00" }, "with Z or an offset"],
    [{ cron: "@daily", timeZone: "Mars/Olympus" }, "timeZone"],
    [{ cron: "@daily", timeZone: "+01:00" }, "timeZone"],
    [{ cron: "@daily", jitter: "2d" }, "jitter"],
    [{ cron: "@daily", start: "2027-01-02T00:00:00Z", end: "2027-01-01T00:00:00Z" }, "end"],
    [{ cron: "@daily", blackouts: [{ from: "25:00", until: "26:00" }] }, "blackouts.from"],
  ])("%j is refused", (options, why) => {
    expect(() => scheduleRule(options)).toThrow(why);
  });
});
