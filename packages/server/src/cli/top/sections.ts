import { formatDuration } from "@millrace/core";
import type { DeadLetterGroup, QueueInfo, RunSummary, WorkerInfo } from "@millrace/core/api";
import { etaText, rateOf } from "../output/outlook-words.ts";
import { pauseText } from "../output/pause-words.ts";
import type { Column } from "../output/table.ts";
import { age, took } from "../output/words.ts";

/** By what queues are sorted, in the order in which a key goes through them. */
export const SORTS = ["depth", "oldest", "out", "name"] as const;

export type Sort = (typeof SORTS)[number];

export function sorted(queues: readonly QueueInfo[], by: Sort): QueueInfo[] {
  const value = {
    depth: ({ ready, held }: QueueInfo) => ready + held,
    oldest: ({ oldestSeconds }: QueueInfo) => oldestSeconds ?? -1,
    out: ({ outlook }: QueueInfo) => outlook?.outPerMinute ?? -1,
    name: () => 0,
  }[by];
  return queues.toSorted((a, b) => value(b) - value(a) || a.name.localeCompare(b.name));
}

export const QUEUES: readonly Column<QueueInfo>[] = [
  { title: "QUEUE", text: ({ name }) => name },
  { title: "READY", text: ({ ready }) => ready, right: true },
  { title: "HELD", text: ({ held }) => held, right: true },
  { title: "RUNNING", text: ({ running }) => running, right: true },
  {
    title: "OLDEST",
    text: ({ oldestSeconds }) =>
      oldestSeconds === null ? null : formatDuration(Math.max(0, Math.round(oldestSeconds) * 1000)),
    right: true,
  },
  { title: "IN/MIN", text: ({ outlook }) => rateOf(outlook?.inPerMinute), right: true },
  { title: "OUT/MIN", text: ({ outlook }) => rateOf(outlook?.outPerMinute), right: true },
  { title: "ETA", text: etaOf, style: (queue) => (isWrong(queue) ? "yellow" : undefined) },
];

function etaOf({ paused, outlook, ...queue }: QueueInfo): string | null {
  if (paused) return pauseText(paused);
  if (queue.workers === 0 && queue.ready + queue.held > 0) return "! No worker takes from it";
  return etaText(outlook);
}

function isWrong({ paused, outlook, workers, ready, held }: QueueInfo): boolean {
  return paused !== null || outlook?.verdict === "grows" || (workers === 0 && ready + held > 0);
}

const BAR = 10;

export function workerColumns(now: number): readonly Column<WorkerInfo>[] {
  return [
    { title: "WORKER", text: ({ name }) => name },
    { title: "STATE", text: ({ state }) => (state === "active" ? "✓ Active" : "◐ Draining") },
    { title: "SLOTS", text: slotsText },
    { title: "ENDED/MIN", text: (worker) => rateOf(worker.attemptsPerMinute), right: true },
    {
      title: "FAILED/MIN",
      text: (worker) => rateOf(worker.failuresPerMinute),
      style: ({ failuresPerMinute }) => (failuresPerMinute ? "red" : undefined),
      right: true,
    },
    { title: "SEEN", text: ({ seenAt }) => `${age(seenAt, now)} ago`, right: true },
    { title: "QUEUES", text: ({ queues }) => queues.join(", ") },
  ];
}

/** A bar and the numbers: runs of a batch share a slot, and so may be more than slots. */
function slotsText({ running, concurrency }: WorkerInfo): string {
  const share = Math.min(1, running.length / concurrency);
  const full = running.length > 0 ? Math.max(1, Math.round(share * BAR)) : 0;
  return `${"█".repeat(full)}${"░".repeat(BAR - full)} ${running.length}/${concurrency}`;
}

export function runColumns(now: number): readonly Column<RunSummary>[] {
  return [
    { title: "RUNNING", text: ({ id }) => id },
    { title: "FOR", text: ({ startedAt }) => took(startedAt, null, now), right: true },
    { title: "TRY", text: ({ attempt }) => attempt, right: true },
    { title: "QUEUE", text: ({ queue }) => queue },
    { title: "JOB", text: ({ job }) => job },
  ];
}

export function errorColumns(now: number): readonly Column<DeadLetterGroup>[] {
  return [
    { title: "ERROR", text: ({ errorClass }) => errorClass, style: () => "red" },
    { title: "DEAD", text: ({ count }) => count, right: true },
    { title: "LAST", text: ({ lastSeen }) => `${age(lastSeen, now)} ago`, right: true },
    { title: "JOBS", text: ({ jobs }) => jobs.slice(0, 3).join(", ") },
    { title: "MESSAGE", text: ({ sample }) => sample.message },
  ];
}
