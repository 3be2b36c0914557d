import type { Operation } from "@millrace/core/api";
import { harmless } from "./harmless.ts";
import type { Screen, Style } from "./screen.ts";

const STATES: Record<Operation["state"], { text: string; style: Style }> = {
  running: { text: "◐ Running", style: "blue" },
  paused: { text: "‖ Paused", style: "yellow" },
  completed: { text: "✓ Completed", style: "green" },
  stopped: { text: "✕ Stopped", style: "red" },
  cancelled: { text: "⊘ Cancelled", style: "gray" },
};

export function operationState(operation: Operation): string {
  return STATES[operation.state].text;
}

export function operationStyle(operation: Operation): Style {
  return STATES[operation.state].style;
}

/** How far it is, such as `204/312  ✓ 198 ✕ 2 … 4`. */
export function progressOf({ kind, total, handled, skipped, refused, reruns }: Operation): string {
  const parts = [`${handled}/${total}`];
  if (kind === "rerun") parts.push(`✓ ${reruns.completed} ✕ ${reruns.failed} … ${reruns.open}`);
  if (reruns.cancelled > 0) parts.push(`${reruns.cancelled} cancelled`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (refused > 0) parts.push(`${refused} refused`);
  return parts.join("  ");
}

/** An operation as one line, such as `✓ Completed operation 41  312/312  ✓ 305 ✕ 7 … 0`. */
export function operationLine(screen: Screen, operation: Operation): string {
  const state = screen.style(operationStyle(operation), operationState(operation));
  const why = operation.reason ? `  ${harmless(operation.reason)}` : "";
  return `${state} operation ${operation.id}  ${progressOf(operation)}${why}`;
}
