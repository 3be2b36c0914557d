import { signal } from "@preact/signals";

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

const UNITS: readonly [name: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
];

/** A length of time as people say it: `12 ms`, `3.4 s`, `4 min`, `2 h`, `3 d`. */
export function lengthInWords(ms: number): string {
  if (ms < 0) return `−${lengthInWords(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const [name, unit] = UNITS.find(([, one]) => ms >= one)!;
  const whole = Math.floor(ms / unit);
  const [smaller, part] = UNITS[UNITS.findIndex(([, one]) => one === unit) + 1] ?? [];
  const rest = part === undefined ? 0 : Math.floor((ms - whole * unit) / part);
  return whole < 10 && rest > 0 && smaller !== undefined
    ? `${whole} ${name} ${rest} ${smaller}`
    : `${whole} ${name}`;
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
