import { signal } from "@preact/signals";

export { lengthInWords } from "./length-in-words.ts";

/** The time now, in milliseconds, each second while anybody reads it and the page is seen. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1000);

/** Whether exact times are shown in UTC instead of the browser's zone. */
export const inUtc = signal(localStorage.getItem("millrace-utc") === "yes");

export function setUtc(yes: boolean): void {
  inUtc.value = yes;
  localStorage.setItem("millrace-utc", yes ? "yes" : "no");
}

/** An instant to the millisecond, in the zone that was chosen. */
export function exactTime(instant: string, utc: boolean): string {
  const date = new Date(instant);
  if (utc) return `${date.toISOString().replace("T", " ").replace("Z", "")} UTC`;
  const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day} ${time}.${pad(date.getMilliseconds(), 3)}`;
}
