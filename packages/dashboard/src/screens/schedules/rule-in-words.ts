import type { ScheduleInfo } from "@millrace/core/api";
import { lengthInWords } from "../../parts/length-in-words.ts";

type Stored = ScheduleInfo["rule"];

/** When it fires, as people say it, without its zone. A cron expression that is no common one is shown as it is. */
export function ruleInWords({ cron, everyMs, at, calendar }: Stored): string {
  if (at !== null) return `once, ${at.slice(0, 16).replace("T", " ")} UTC`;
  if (everyMs !== null) return `every ${lengthInWords(everyMs)}`;
  if (calendar !== null) return calendarInWords(calendar);
  return cronInWords(cron ?? "");
}

/** Of the forms that nearly all have: a time or a step, on some days; else the expression itself. */
export function cronInWords(cron: string): string {
  const macro = MACROS[cron.toLowerCase()];
  if (macro) return macro;
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) return cron;
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string];
  const time = timeInWords(minute, hour);
  const days = daysInWords(day, weekday);
  if (time === undefined || days === undefined || month !== "*") return cron;
  return [time, days].filter(Boolean).join(", ");
}

const MACROS: Record<string, string | undefined> = {
  "@hourly": "every hour",
  "@daily": "daily at 00:00",
  "@midnight": "daily at 00:00",
  "@weekly": "at 00:00, Sundays",
  "@monthly": "at 00:00, on day 1 of the month",
  "@yearly": "at 00:00, on January 1",
  "@annually": "at 00:00, on January 1",
};

const STEP = /^\*\/(\d+)$/;
const NUMBER = /^\d{1,2}$/;

function timeInWords(minute: string, hour: string): string | undefined {
  if (minute === "*" && hour === "*") return "every minute";
  const minuteStep = STEP.exec(minute)?.[1];
  if (minuteStep && hour === "*" && 60 % Number(minuteStep) === 0) {
    return `every ${minuteStep} minutes`;
  }
  if (!NUMBER.test(minute)) return undefined;
  const past = minute.padStart(2, "0");
  if (hour === "*") return `every hour at :${past}`;
  const hourStep = STEP.exec(hour)?.[1];
  if (hourStep && 24 % Number(hourStep) === 0) return `every ${hourStep} hours at :${past}`;
  const hours = hour.split(",");
  if (!hours.every((one) => NUMBER.test(one))) return undefined;
  return `at ${hours.map((one) => `${one.padStart(2, "0")}:${past}`).join(", ")}`;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function daysInWords(day: string, weekday: string): string | undefined {
  if (day === "*" && weekday === "*") return "";
  if (weekday === "*") {
    if (day.toUpperCase() === "L") return "on the last day of the month";
    return /^\d{1,2}(,\d{1,2})*$/.test(day) ? `on day ${day} of the month` : undefined;
  }
  if (day !== "*") return undefined;
  const named = weekday.split(",").map((part) => {
    const ends = part.split("-").map(dayName);
    return ends.length <= 2 && ends.every(Boolean) ? ends.join(" to ") : undefined;
  });
  return named.every(Boolean) ? named.join(", ") : undefined;
}

function dayName(text: string): string | undefined {
  if (/^[0-7]$/.test(text)) return DAYS[Number(text)];
  return DAYS.find((day) => day.toLowerCase() === text.toLowerCase());
}

function calendarInWords(calendar: NonNullable<Stored["calendar"]>): string {
  const { at, weekdays, everyWeeks, monthDays, workingDays, everyMonths } = calendar;
  const rank = (n: number, what: string) =>
    n < 0 ? (n === -1 ? `the last ${what}` : `${what} ${-n} from the end`) : `${what} ${n}`;
  return [
    `at ${[at].flat().join(", ")}`,
    weekdays?.map((day) => day.charAt(0).toUpperCase() + day.slice(1)).join(", "),
    everyWeeks !== undefined && everyWeeks > 1 && `every ${everyWeeks} weeks`,
    monthDays && `on ${monthDays.map((n) => rank(n, "day")).join(", ")} of the month`,
    workingDays && `on ${workingDays.map((n) => rank(n, "working day")).join(", ")} of the month`,
    everyMonths !== undefined && everyMonths > 1 && `every ${everyMonths} months`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** What becomes of an occurrence while a run is open. */
export const OVERLAP_WORDS: Record<ScheduleInfo["overlap"], string> = {
  skip: "skipped while one of its runs is open",
  "queue-one": "one waits while one of its runs is open, more are merged into it",
  "queue-all": "each waits for its turn while one of its runs is open",
  "cancel-running": "cancels the run of it that is open",
  allow: "starts beside runs of it that are open",
};

/** What becomes of occurrences that nobody fired in time. */
export function missedInWords({ missed, missedLimit, graceMs }: ScheduleInfo): string {
  const late = `Those that nobody fired within ${lengthInWords(graceMs)}`;
  if (missed === "skip") return `${late} are skipped.`;
  if (missed === "last") return `${late} are merged into the last of them, which is caught up.`;
  return `${late} are caught up, the last ${missedLimit.toLocaleString("en")} at the most.`;
}
