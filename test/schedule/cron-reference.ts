/** Cron read a second time, as plainly as can be, to hold the first reading to. It takes what is valid, and checks nothing. */
export interface CronReference {
  everyHour: boolean;
  matchesDay(wall: number): boolean;
  /** By the seconds, minutes and hours of a wall time. */
  matchesTime(second: number, minute: number, hour: number): boolean;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

export function readCron(expression: string): CronReference {
  const fields = expression.toLowerCase().split(" ");
  if (fields.length === 5) fields.unshift("0");
  const [seconds, minutes, hours, dates, months, weekdays] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const monthly = numbers(months, 1, 12, MONTHS, 1);
  const hourly = numbers(hours, 0, 23);
  const times = [numbers(seconds, 0, 59), numbers(minutes, 0, 59), hourly] as const;
  return {
    everyHour: hourly.size === 24,
    matchesTime: (second, minute, hour) =>
      times[0].has(second) && times[1].has(minute) && times[2].has(hour),
    matchesDay(wall) {
      const day = new Date(wall);
      if (!monthly.has(day.getUTCMonth() + 1)) return false;
      const byDate = dates.split(",").some((part) => matchesDate(part, day));
      const byWeekday = weekdays.split(",").some((part) => matchesWeekday(part, day));
      if (dates === "*") return byWeekday;
      return weekdays === "*" ? byDate : byDate || byWeekday;
    },
  };
}

function matchesDate(part: string, day: Date): boolean {
  const date = day.getUTCDate();
  const last = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
  if (part === "l") return date === last;
  if (part === "lw") return date === nearest(day, last, last);
  if (part.endsWith("w")) {
    const wanted = Number(part.slice(0, -1));
    return wanted <= last && date === nearest(day, wanted, last);
  }
  return numbers(part, 1, 31).has(date);
}

/** The weekday nearest to a date, without leaving its month. */
function nearest(day: Date, date: number, last: number): number {
  const weekday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), date)).getUTCDay();
  if (weekday === 6) return date === 1 ? 3 : date - 1;
  if (weekday === 0) return date === last ? date - 2 : date + 1;
  return date;
}

function matchesWeekday(part: string, day: Date): boolean {
  const date = day.getUTCDate();
  const last = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
  const [which, nth] = part.split("#");
  if (nth !== undefined) {
    return one(which!) === day.getUTCDay() && Math.ceil(date / 7) === Number(nth);
  }
  if (part !== "l" && part.endsWith("l")) {
    return one(part.slice(0, -1)) === day.getUTCDay() && date > last - 7;
  }
  const named = numbers(part, 0, 7, DAYS, 0);
  return named.has(day.getUTCDay()) || (named.has(7) && day.getUTCDay() === 0);
}

function one(text: string): number {
  const named = DAYS.indexOf(text);
  return named >= 0 ? named : Number(text) % 7;
}

function numbers(field: string, min: number, max: number, names: string[] = [], first = 0) {
  const value = (text: string) =>
    names.includes(text) ? names.indexOf(text) + first : Number(text);
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const [range, step = "1"] = part.split("/") as [string, string?];
    const [from, to = from] = range === "*" ? [String(min), String(max)] : range.split("-");
    for (let n = value(from!); n <= value(to!); n += Number(step)) found.add(n);
  }
  return found;
}
