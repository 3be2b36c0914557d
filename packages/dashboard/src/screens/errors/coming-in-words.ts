import type { ErrorGroup } from "@millrace/core/api";

/** How often it comes now, against how often it came in an hour of the day before. */
export function comingInWords({
  lastHour,
  dayBefore,
}: Pick<ErrorGroup, "lastHour" | "dayBefore">): string {
  if (lastHour === 0) return "none in the last hour";
  const now = `${lastHour.toLocaleString("en")} in the last hour`;
  if (dayBefore === 0) return `${now}, none the day before`;
  const times = lastHour / (dayBefore / 24);
  if (times >= 1.5)
    return `${now}, ${times < 10 ? times.toFixed(1) : Math.round(times)}× as often as before`;
  return times <= 0.67 ? `${now}, rarer than before` : `${now}, as before`;
}
