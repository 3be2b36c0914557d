import { MillraceError } from "../errors.ts";
import { DAY, type WallRule, dayTimes, listedTimes } from "./wall-rule.ts";

export const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

export type Weekday = (typeof WEEKDAYS)[number];

/** What becomes of a day that is no working day. */
export const OFF_DAYS = ["keep", "skip", "before", "after"] as const;

export type OffDay = (typeof OFF_DAYS)[number];

/**
 * Days that cron cannot name: every second Tuesday, the last working day of a month, the 15th or the working day before.
 * It names days by exactly one of `weekdays`, `monthDays` and `workingDays`.
 */
export interface Calendar {
  /** Times of day by the zone's clock: `"09:00"`, `"17:30:15"`. */
  at: string | readonly string[];
  /** Days of every `everyWeeks`-th week; weeks begin on Monday. */
  weekdays?: readonly Weekday[];
  /** Default 1. Counted from the week of `from`. */
  everyWeeks?: number;
  /** Days of every `everyMonths`-th month, 1 to 31; -1 is the last. A month without that day is left out. */
  monthDays?: readonly number[];
  /** Working days of every `everyMonths`-th month: 1 is the first, -1 the last. */
  workingDays?: readonly number[];
  /** Default 1. Counted from the month of `from`. */
  everyMonths?: number;
  /** The first day that counts, such as `"2027-01-05"`. Needed when weeks or months are counted. */
  from?: string;
  /** Weekdays on which people work. Default Monday to Friday. */
  workweek?: readonly Weekday[];
  /** Days that are no working days, such as `"2027-12-25"`. */
  holidays?: readonly string[];
  /** With `weekdays` and `monthDays`: keep (default), skip, or move a day that is no working day before or after. */
  offDay?: OffDay;
}

const KNOWN = [
  "at",
  "weekdays",
  "everyWeeks",
  "monthDays",
  "workingDays",
  "everyMonths",
  "from",
  "workweek",
  "holidays",
  "offDay",
];

/** Farther nobody plans, and a rule that names no day must end its search. */
const MAX_YEARS = 30;

/** A day moved to a working day goes no farther. */
const MAX_SHIFT = 31;

/** @throws MillraceError `invalid_schedule` naming the field */
export function calendarRule(calendar: Calendar): WallRule {
  const nextDay = daysOf(calendar);
  return { everyHour: false, next: dayTimes(nextDay, listedTimes(timesOf(calendar))) };
}

function daysOf(calendar: Calendar): (after: number) => number | null {
  if (typeof calendar !== "object" || calendar === null) refuse("", "it must be an object");
  const unknown = Object.keys(calendar).find((key) => !KNOWN.includes(key));
  if (unknown) refuse(unknown, `it is not a field; the fields are ${KNOWN.join(", ")}`);
  const { weekdays, monthDays, workingDays, everyWeeks, everyMonths } = calendar;
  const given = [weekdays, monthDays, workingDays].filter((days) => days !== undefined);
  if (given.length !== 1) {
    refuse("weekdays", "give exactly one of weekdays, monthDays and workingDays");
  }
  const from = calendar.from === undefined ? -Infinity : dayOf(calendar.from, "from");
  const works = workingDay(calendar);
  if (weekdays) {
    if (everyMonths !== undefined) refuse("everyMonths", "weekdays are counted by everyWeeks");
    const every = countOf(everyWeeks, from, "everyWeeks");
    const named = new Set(weekdaysOf(weekdays, "weekdays"));
    const monday = mondayOf(Number.isFinite(from) ? from : 0);
    const isNamed = (day: number) =>
      day >= from &&
      named.has(weekdayOf(day)) &&
      Math.round((mondayOf(day) - monday) / (7 * DAY)) % every === 0;
    return byDay(isNamed, shiftOf(calendar, works));
  }
  if (everyWeeks !== undefined) refuse("everyWeeks", "days of a month are counted by everyMonths");
  const every = countOf(everyMonths, from, "everyMonths");
  const start = Number.isFinite(from) ? monthOf(from) : 0;
  const inMonth = (month: number) => (month - start) % every === 0;
  if (monthDays) {
    const places = placesOf(monthDays, 31, "monthDays");
    const isNamed = (day: number) => {
      if (day < from || !inMonth(monthOf(day))) return false;
      const date = new Date(day).getUTCDate();
      const length = new Date(Date.UTC(1970, monthOf(day) + 1, 0)).getUTCDate();
      return places.includes(date) || places.includes(date - length - 1);
    };
    return byDay(isNamed, shiftOf(calendar, works));
  }
  const places = placesOf(workingDays!, 23, "workingDays");
  if (calendar.offDay !== undefined) refuse("offDay", "working days are never off");
  return (after) => {
    for (let month = monthOf(after + DAY), end = month + 12 * MAX_YEARS; month < end; month++) {
      if (!inMonth(month)) continue;
      const working = daysIn(month).filter(works);
      const days = places
        .map((place) => working.at(place > 0 ? place - 1 : place))
        .filter((day) => day !== undefined && day > after && day >= from) as number[];
      if (days.length > 0) return Math.min(...days);
    }
    return null;
  };
}

/** Days in order that are named, or that a named day is moved to. Two that meet are one. */
function byDay(
  isNamed: (day: number) => boolean,
  shift: ((day: number) => number | null) | null,
): (after: number) => number | null {
  return (after) => {
    const end = after + MAX_YEARS * 366 * DAY;
    if (!shift) {
      for (let day = after + DAY; day < end; day += DAY) if (isNamed(day)) return day;
      return null;
    }
    // A day that is named as long before or after may be moved to one that is looked for.
    let best = Infinity;
    for (
      let day = after - MAX_SHIFT * DAY;
      day < Math.min(end, best + MAX_SHIFT * DAY);
      day += DAY
    ) {
      const moved = isNamed(day) ? shift(day) : null;
      if (moved !== null && moved > after) best = Math.min(best, moved);
    }
    return best === Infinity ? null : best;
  };
}

function shiftOf(
  { offDay = "keep" }: Calendar,
  works: (day: number) => boolean,
): ((day: number) => number | null) | null {
  if (!OFF_DAYS.includes(offDay)) {
    refuse("offDay", `${JSON.stringify(offDay)} is none of ${OFF_DAYS.join(", ")}`);
  }
  if (offDay === "keep") return null;
  return (day) => {
    if (works(day)) return day;
    if (offDay === "skip") return null;
    const step = offDay === "before" ? -DAY : DAY;
    for (let n = 1, to = day + step; n <= MAX_SHIFT; n++, to += step) if (works(to)) return to;
    return null;
  };
}

function workingDay({ workweek, holidays = [] }: Calendar): (day: number) => boolean {
  const week = new Set(weekdaysOf(workweek ?? ["mon", "tue", "wed", "thu", "fri"], "workweek"));
  if (!Array.isArray(holidays) || holidays.length > 2000) {
    refuse("holidays", "it must be a list of up to 2,000 days");
  }
  const off = new Set(holidays.map((day) => dayOf(day, "holidays")));
  return (day) => week.has(weekdayOf(day)) && !off.has(day);
}

function timesOf({ at }: Calendar): number[] {
  const texts: readonly unknown[] = Array.isArray(at) ? at : [at];
  if (texts.length === 0 || texts.length > 100) refuse("at", "give 1 to 100 times of day");
  const times = texts.map((text) => timeOfDay(text, "at"));
  return [...new Set(times)].sort((a, b) => a - b);
}

/**
 * @returns milliseconds since midnight
 * @throws MillraceError `invalid_schedule`
 */
export function timeOfDay(text: unknown, field: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(String(text));
  if (!match) refuse(field, `${JSON.stringify(text)} is no time of day; write for example "09:00"`);
  const [, hours, minutes, seconds = 0] = match;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** @throws MillraceError `invalid_schedule` */
export function weekdaysOf(names: readonly unknown[], field: string): number[] {
  if (!Array.isArray(names) || names.length === 0) refuse(field, "it must be a list of weekdays");
  return names.map((name) => {
    const index = WEEKDAYS.indexOf(name as Weekday);
    return index >= 0
      ? index
      : refuse(field, `${JSON.stringify(name)} is none of ${WEEKDAYS.join(", ")}`);
  });
}

export function weekdayOf(day: number): number {
  return new Date(day).getUTCDay();
}

function dayOf(text: unknown, field: string): number {
  const day = /^\d{4}-\d\d-\d\d$/.test(String(text))
    ? Date.parse(`${String(text)}T00:00:00Z`)
    : NaN;
  // Date.parse takes 30 February for 2 March.
  if (!Number.isNaN(day) && new Date(day).toISOString().startsWith(String(text))) return day;
  return refuse(field, `${JSON.stringify(text)} is no day; write for example "2027-12-25"`);
}

function placesOf(places: readonly unknown[], max: number, field: string): number[] {
  const fits = (place: unknown) =>
    Number.isInteger(place) && place !== 0 && Math.abs(place as number) <= max;
  if (Array.isArray(places) && places.length > 0 && places.every(fits)) return places as number[];
  return refuse(field, `it must be a list of numbers from 1 to ${max}, or from -1 to -${max}`);
}

function countOf(every: number | undefined, from: number, field: string): number {
  if (every === undefined) return 1;
  if (!Number.isInteger(every) || every < 1 || every > 520) {
    refuse(field, `${every} is not a whole number from 1 to 520`);
  }
  if (every > 1 && !Number.isFinite(from)) refuse("from", `${field} needs a day to count from`);
  return every;
}

function mondayOf(day: number): number {
  return day - ((weekdayOf(day) + 6) % 7) * DAY;
}

/** Months since January 1970. */
function monthOf(day: number): number {
  const date = new Date(day);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

function daysIn(month: number): number[] {
  const first = Date.UTC(1970, month, 1);
  const next = Date.UTC(1970, month + 1, 1);
  return Array.from(
    { length: Math.round((next - first) / DAY) },
    (_, index) => first + index * DAY,
  );
}

function refuse(field: string, why: string): never {
  throw new MillraceError("invalid_schedule", `calendar${field && `.${field}`}: ${why}`);
}
