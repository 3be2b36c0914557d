import { inUtc } from "./moment.ts";

/** An instant at the edge of a picture. @param lengthMs of all that is shown: of much, the day says more than the minute */
export function axisTime(at: number, lengthMs: number): string {
  const options: Intl.DateTimeFormatOptions =
    lengthMs > 2 * 86_400_000
      ? { weekday: "short", day: "numeric" }
      : { weekday: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(at).toLocaleString([], {
    ...options,
    ...(inUtc.value && { timeZone: "UTC" }),
  });
}
