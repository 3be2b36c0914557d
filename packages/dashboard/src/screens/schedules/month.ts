import type { ScheduleInfo } from "@millrace/core/api";
import { isPausedAt, upcomingOf } from "./upcoming.ts";

interface DayEntry {
  name: string;
  /** Of the first of the day, by the clock that is looked at. */
  time: string;
  /** How often on that day. */
  count: number;
  paused: boolean;
  /** What a change of the clocks does to it, in words. */
  note: string | null;
}

export interface Day {
  /** Such as `2026-03-29`. */
  date: string;
  /** False for those of the months before and after, which fill the weeks. */
  inMonth: boolean;
  entries: DayEntry[];
  /** Where clocks are changed on that day. */
  shifts: string[];
}

interface Month {
  days: readonly Day[];
  /** Schedules that fire too often to be drawn. */
  often: readonly string[];
}

/** A schedule that fires more often than that in a month is named beside it. */
const OFTEN = 1500;

/** The month that an address names: of a year in which days are written as always, and so are those around it. Undefined for what is none. */
export function monthNamed(text: string | null): string | undefined {
  return /^(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])$/.test(text ?? "") ? text! : undefined;
}

/**
 * A month of all schedules, in whole weeks from Monday on.
 *
 * @param month such as `2026-03` @param utc whether days are those of UTC, else of the browser
 */
export function monthOf(schedules: readonly ScheduleInfo[], month: string, utc: boolean): Month {
  const days = daysAround(month);
  const first = startOf(days[0]!, utc);
  const last = startOf(dayAfter(days.at(-1)!, 1), utc);
  const byDate = new Map<string, Day>(
    days.map((date) => [date, { date, inMonth: date.startsWith(month), entries: [], shifts: [] }]),
  );
  const often: string[] = [];
  for (const schedule of schedules) {
    const { occurrences, more } = upcomingOf(schedule, first, last, OFTEN);
    if (more) {
      often.push(schedule.name);
      continue;
    }
    for (const { at, note } of occurrences) {
      const [date, time] = localOf(at, utc);
      add(byDate.get(date), schedule, at, time, note);
    }
  }
  for (const zone of new Set(schedules.map(({ rule }) => rule.timeZone))) {
    for (const shift of shiftsOf(zone, first, last)) {
      const [date] = localOf(new Date(shift.at).toISOString(), utc);
      const sign = shift.minutes > 0 ? "+" : "−";
      byDate.get(date)?.shifts.push(`${zone} ${sign}${Math.abs(shift.minutes)} min`);
    }
  }
  return { days: [...byDate.values()], often };
}

function add(
  day: Day | undefined,
  schedule: ScheduleInfo,
  at: string,
  time: string,
  note: string | null,
): void {
  if (!day) return;
  const there = day.entries.find(({ name }) => name === schedule.name);
  if (there) {
    there.count++;
    there.note ??= note;
  } else {
    const paused = isPausedAt(schedule, at);
    day.entries.push({ name: schedule.name, time, count: 1, paused, note });
  }
  day.entries.sort((a, b) => a.time.localeCompare(b.time));
}

/** The days of whole weeks that have a day of the month. */
function daysAround(month: string): string[] {
  const first = `${month}-01`;
  const weekday = (new Date(`${first}T00:00:00Z`).getUTCDay() + 6) % 7;
  const start = dayAfter(first, -weekday);
  const days: string[] = [];
  for (let date = start; date.slice(0, 7) <= month || days.length % 7 !== 0;) {
    days.push(date);
    date = dayAfter(date, 1);
  }
  return days;
}

function dayAfter(date: string, by: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10);
}

/** Without a zone a text of date and time is read by the browser's clock. */
function startOf(date: string, utc: boolean): number {
  return Date.parse(`${date}T00:00:00${utc ? "Z" : ""}`);
}

function localOf(at: string, utc: boolean): [date: string, time: string] {
  if (utc) return [at.slice(0, 10), at.slice(11, 16)];
  const date = new Date(at);
  const pad = (n: number) => String(n).padStart(2, "0");
  return [
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    `${pad(date.getHours())}:${pad(date.getMinutes())}`,
  ];
}

/** When the clocks of a zone are changed, and by how many minutes. */
export function shiftsOf(
  zone: string,
  from: number,
  until: number,
): { at: number; minutes: number }[] {
  const offsetAt = offsetsOf(zone);
  const found: { at: number; minutes: number }[] = [];
  for (let day = from; day < until; day += 86_400_000) {
    const before = offsetAt(day);
    const minutes = offsetAt(day + 86_400_000) - before;
    if (minutes === 0) continue;
    let [low, high] = [day, day + 86_400_000];
    while (high - low > 60_000) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    found.push({ at: Math.floor(high / 60_000) * 60_000, minutes });
  }
  return found;
}

/** Minutes ahead of UTC, to the minute. */
function offsetsOf(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  return (instant) => {
    const name = format.formatToParts(instant).find(({ type }) => type === "timeZoneName");
    const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(name?.value ?? "") ?? [];
    const size = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
    return sign === "-" ? -size : size;
  };
}
