import { signal } from "@preact/signals";

export { lengthInWords } from "./length-in-words.ts";

/** By how much the server's clock is ahead of the browser's, in milliseconds; what is within a second is told by the way of an answer alone. */
let aheadMs = 0;

/** The time now by the server's clock, in milliseconds, each second while anybody reads it and the page is seen. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now() + aheadMs;
}, 1000);

/** So far clocks may be apart, with the answer's way and its whole seconds. */
const APART_MS = 3000;

/** Goes by the server's clock where the browser's is wrong: all ages are of instants that the server tells. */
export function serverClock(at: number): void {
  const ahead = at - Date.now();
  if (Math.abs(ahead - aheadMs) < APART_MS) return;
  aheadMs = Math.abs(ahead) < APART_MS ? 0 : ahead;
  now.value = Date.now() + aheadMs;
}

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
