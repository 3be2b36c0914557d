import { type RunState, formatDuration } from "@millrace/core";
export { bytes, count } from "../../runtime/amounts.ts";
import type { Screen, Style } from "./screen.ts";

const STATES: Record<RunState, { icon: string; style: Style }> = {
  scheduled: { icon: "◷", style: "magenta" },
  queued: { icon: "○", style: "white" },
  running: { icon: "◐", style: "blue" },
  waiting: { icon: "⧗", style: "cyan" },
  completed: { icon: "✓", style: "green" },
  failed: { icon: "✕", style: "red" },
  cancelled: { icon: "⊘", style: "gray" },
};

/** A state is never told by colour alone. */
export function stateText(state: RunState): string {
  const word = state.charAt(0).toUpperCase() + state.slice(1);
  return `${STATES[state].icon} ${word}`;
}

export function stateStyle(state: RunState): Style {
  return STATES[state].style;
}

export function styledState(screen: Screen, state: RunState): string {
  return screen.style(stateStyle(state), stateText(state));
}

/** How long ago, in one unit: `12 s`, `4 m`, `3 d`. Clocks may differ a little; what lies ahead is `0 s`. */
export function age(instant: string, now: number): string {
  const ms = Math.max(0, now - Date.parse(instant));
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  // The first unit alone: nobody needs the seconds of an hour.
  return formatDuration(ms).split(" ").slice(0, 2).join(" ");
}

/** How long something took, or has taken so far; null when it has not begun. */
export function took(from: string | null, until: string | null, now: number): string | null {
  if (from === null) return null;
  return formatDuration(Math.max(0, (until === null ? now : Date.parse(until)) - Date.parse(from)));
}

/** An instant by the reader's clock and calendar: `2026-01-31 08:00:00`. */
export function localTime(instant: string): string {
  const date = new Date(instant);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${date.toTimeString().slice(0, 8)}`;
}
