import type { Operation } from "@millrace/core/api";
import type { Shown } from "../../design/states.ts";
import { counted } from "../../parts/act-dialog.tsx";

const KINDS: Record<Operation["kind"], [verb: string, thing: string]> = {
  rerun: ["Rerun", "dead letter"],
  dismiss: ["Dismiss", "dead letter"],
  backfill: ["Backfill", "occurrence"],
  cancel: ["Cancel", "run"],
  move: ["Move", "run"],
  reopen: ["Reopen", "dead letter"],
};

/** Such as "Rerun 312 dead letters". */
export function titleOf({ kind, total }: Operation): string {
  const [verb, thing] = KINDS[kind];
  return `${verb} ${counted(total, thing)}`;
}

/** By what it has chosen what it is about; it was fixed when it began. */
export function filterInWords({ filter }: Operation): string {
  if ("query" in filter) {
    const to = [
      filter.queue !== undefined && `into queue ${filter.queue}`,
      filter.priority !== undefined && `to priority ${filter.priority}`,
    ].filter(Boolean);
    return to.length === 0 ? filter.query : `${filter.query}, ${to.join(", ")}`;
  }
  if ("operation" in filter) return `what operation ${filter.operation} has dismissed`;
  if ("schedule" in filter) return `schedule ${filter.schedule}, ${filter.from} to ${filter.until}`;
  const parts = Object.entries(filter).map(([name, value]) => `${name} ${value}`);
  return parts.length === 0 ? "all that were open" : parts.join(", ");
}

/** The states of operations look like those of runs that they resemble. */
export const LOOKS: Record<Operation["state"], Shown> = {
  running: "running",
  paused: "waiting",
  completed: "completed",
  stopped: "failed",
  cancelled: "cancelled",
};

export const WORDS: Record<Operation["state"], string> = {
  running: "Running",
  paused: "Paused",
  completed: "Completed",
  stopped: "Stopped by itself",
  cancelled: "Cancelled",
};

export function isOver({ state }: Operation): boolean {
  return state === "completed" || state === "stopped" || state === "cancelled";
}

/** How many it handles a second, over all the time that it has been there; undefined before there is anything to tell from. */
export function paceOf({ createdAt, finishedAt, handled }: Operation, now: number) {
  const seconds = ((finishedAt ? Date.parse(finishedAt) : now) - Date.parse(createdAt)) / 1000;
  return handled > 0 && seconds >= 1 ? handled / seconds : undefined;
}
