import { exactTime, inUtc, lengthInWords, now } from "./moment.ts";

/** When something was, or will be: "4 min ago"; the exact time when one points at it, and for programs that read pages aloud. */
export function Ago({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="muted">–</span>;
  const by = now.value - Date.parse(at);
  const words = Math.abs(by) < 1000 ? "now" : lengthInWords(Math.floor(Math.abs(by) / 1000) * 1000);
  const text = words === "now" ? words : by > 0 ? `${words} ago` : `in ${words}`;
  return (
    <time dateTime={at} title={exactTime(at, inUtc.value)}>
      {text}
    </time>
  );
}

/** How long ago something was, short, for a column that says so at its head. */
export function Age({ at }: { at: string }) {
  const ms = now.value - Date.parse(at);
  return (
    <time dateTime={at} title={exactTime(at, inUtc.value)}>
      {ms < 1000 ? "now" : lengthInWords(ms).replace(/^(\d+ \w+) .*/, "$1")}
    </time>
  );
}

/** When something is by the clock; with the day, where that is another one. */
export function Clock({ at }: { at: string }) {
  const exact = exactTime(at, inUtc.value);
  const today = exactTime(new Date(now.value).toISOString(), inUtc.value).slice(0, 10);
  return (
    <time dateTime={at} title={exact}>
      {exact.startsWith(today) ? exact.slice(11, 19) : exact.slice(0, 16)}
    </time>
  );
}

/** The exact time. */
export function At({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="muted">–</span>;
  return (
    <time dateTime={at} title={exactTime(at, !inUtc.value)}>
      {exactTime(at, inUtc.value)}
    </time>
  );
}

/** How long something took, or has taken so far. */
export function Took({ from, until }: { from: string | null; until: string | null }) {
  if (!from) return <span class="muted">–</span>;
  return <>{lengthInWords((until ? Date.parse(until) : now.value) - Date.parse(from))}</>;
}
