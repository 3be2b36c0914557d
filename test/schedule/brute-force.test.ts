import { expect, test } from "vitest";
import { seeded } from "../faults/harness/seed.ts";
import { watchClock } from "./clock-reference.ts";
import { difference } from "./compare.ts";
import { randomCron } from "./random-cron.ts";

const DAY = 86_400_000;

/** Half hours, negative summers, Ramadan, changes at midnight and on a Friday; and none at all. */
const ZONES = [
  "Europe/Lisbon",
  "America/New_York",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Europe/Dublin",
  "America/Havana",
  "Asia/Gaza",
  "Africa/Cairo",
  "Antarctica/Troll",
  "America/Scoresbysund",
  "Asia/Kathmandu",
  "UTC",
];

test("around each change of the clocks, a rule fires as watching the clock minute by minute says", () => {
  const random = seeded(20_270_328);
  const differences = ZONES.flatMap((zone) => {
    const clock = watchClock(zone, Date.UTC(2026, 8, 1), Date.UTC(2027, 11, 1));
    const days = clock.stretches.slice(1).map(({ at }) => at);
    return Array.from({ length: 8 }, () => {
      const cron = randomCron(random);
      const around = days[Math.floor(random() * days.length)] ?? clock.from + 9 * DAY;
      return difference(clock, cron, 60_000, around - 3 * DAY, around + 3 * DAY);
    });
  });
  expect(differences.filter(Boolean)).toEqual([]);
});

test("so does a rule with seconds, second by second", () => {
  const random = seeded(7);
  const differences = ZONES.slice(0, 6).flatMap((zone) => {
    const clock = watchClock(zone, Date.UTC(2027, 0, 1), Date.UTC(2027, 11, 31));
    return clock.stretches.slice(1).map(({ at }) => {
      const cron = randomCron(random, true);
      return difference(clock, cron, 1000, at - 3 * 3_600_000, at + 3 * 3_600_000);
    });
  });
  expect(differences.filter(Boolean)).toEqual([]);
});

test("days of months and weeks are those that cron names, over years", () => {
  const random = seeded(3);
  const clock = watchClock("UTC", Date.UTC(2027, 0, 1), Date.UTC(2029, 0, 1));
  const differences = Array.from({ length: 30 }, () => {
    // One time a day keeps it short; the days are what is tried here.
    const cron = ["7", "9", ...randomCron(random).split(" ").slice(2)].join(" ");
    return difference(clock, cron, 60_000, clock.from, clock.until);
  });
  expect(differences.filter(Boolean)).toEqual([]);
});
