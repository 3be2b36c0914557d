import type { ScheduleInfo } from "@millrace/core/api";
import { expect, test } from "vitest";
import { monthNamed, monthOf, shiftsOf } from "./month.ts";

const RULE = {
  ...{ cron: null, everyMs: null, anchor: null, at: null, calendar: null, timeZone: "UTC" },
  ...{ start: null, end: null, jitterMs: null, blackouts: [] },
};

function schedule(name: string, rule: Partial<ScheduleInfo["rule"]>, paused = false): ScheduleInfo {
  const pause = { at: "2026-01-01T00:00:00.000Z", by: "ana", reason: null, until: null };
  return { name, rule: { ...RULE, ...rule }, paused: paused ? pause : null } as ScheduleInfo;
}

test("a month is whole weeks from Monday on, whatever day it begins with", () => {
  for (const [month, days, first] of [
    ["2026-03", 42, "2026-02-23"],
    ["2027-02", 28, "2027-02-01"],
    ["2026-11", 42, "2026-10-26"],
    ["2026-12", 35, "2026-11-30"],
  ] as const) {
    const found = monthOf([], month, true).days;
    expect([found.length, found[0]?.date], month).toEqual([days, first]);
    const inside = found.filter(({ inMonth }) => inMonth).map(({ date }) => date);
    expect([inside[0], new Set(inside).size]).toEqual([`${month}-01`, inside.length]);
  }
});

test("what fires several times a day is one entry with its count, and what fires all the time is named beside", () => {
  const schedules = [
    schedule("hourly", { cron: "0 * * * *" }),
    schedule("nightly", { cron: "30 1 * * *" }, true),
    schedule("always", { everyMs: 1000 }),
  ];
  const { days, often } = monthOf(schedules, "2026-03", true);
  expect(days.find(({ date }) => date === "2026-03-10")?.entries).toEqual([
    { name: "hourly", time: "00:00", count: 24, paused: false, note: null },
    { name: "nightly", time: "01:30", count: 1, paused: true, note: null },
  ]);
  expect(often).toEqual(["always"]);
});

test("days on which clocks change are marked, with what that does to an occurrence", () => {
  const london = schedule("dst", { cron: "30 1 * * *", timeZone: "Europe/London" });
  const { days } = monthOf([london], "2026-03", true);
  expect(days.filter(({ shifts }) => shifts.length > 0)).toMatchObject([
    { date: "2026-03-29", shifts: ["Europe/London +60 min"] },
  ]);
  const day = days.find(({ date }) => date === "2026-03-29");
  expect(day?.entries[0]?.note).toMatch(/the clocks skip 01:30/);
});

test("clocks change at the instant that the zone says, and in UTC never", () => {
  const [from, until] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];
  expect(
    shiftsOf("America/New_York", from, until).map(({ at, minutes }) => [
      new Date(at).toISOString(),
      minutes,
    ]),
  ).toEqual([
    ["2026-03-08T07:00:00.000Z", 60],
    ["2026-11-01T06:00:00.000Z", -60],
  ]);
  expect(shiftsOf("UTC", from, until)).toEqual([]);
});

test.each(["1970-01", "2999-12"])("the month %s is named, and whole", (month) => {
  expect(monthNamed(month)).toBe(month);
  expect(monthOf([], month, true).days.length % 7).toBe(0);
});

test.each(["0000-01", "1969-12", "9999-12", "3000-01", "2026-13", "2026-3", "NaN", "", "2026-03x"])(
  "no month is %j: days around it could not be written, or it is none",
  (text) => expect(monthNamed(text)).toBeUndefined(),
);
