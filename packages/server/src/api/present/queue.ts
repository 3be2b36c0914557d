import type { PausedInfo, QueueInfo } from "@millrace/core/api";
import { queueOutlook } from "../../engine/queue-outlook.ts";
import type { QueueSampleRow } from "../../store/queue-samples.ts";
import type { QueueRow } from "../../store/queues.ts";
import { instant } from "./instant.ts";

/** @param samples see {@link queueOutlook} */
export function presentQueue(row: QueueRow, samples: readonly QueueSampleRow[] | null): QueueInfo {
  return {
    name: row.name,
    project: row.project,
    ready: row.ready,
    held: row.held,
    running: row.running,
    scheduled: row.scheduled,
    waiting: row.waiting,
    oldestSeconds: row.oldest_seconds,
    workers: row.workers,
    slots: row.slots,
    outlook: queueOutlook(row, samples),
    concurrency: row.concurrency,
    rate: row.rate,
    maxDepth: row.max_depth,
    limitedBy: row.limited_by,
    defined: row.defined && {
      concurrency: row.defined.concurrency ?? null,
      rate: row.defined.rate ?? null,
      maxDepth: row.defined.maxDepth ?? null,
    },
    paused: presentPaused(row),
    drained: presentPaused({
      paused_at: row.drained_at,
      paused_by: row.drained_by,
      pause_reason: row.drain_reason,
      paused_until: row.drained_until,
    }),
  };
}

/** Null when it is not paused. */
export function presentPaused(row: {
  paused_at: Date | null;
  paused_by: string | null;
  pause_reason: string | null;
  paused_until: Date | null;
}): PausedInfo | null {
  if (!row.paused_at) return null;
  return {
    at: instant(row.paused_at),
    by: row.paused_by ?? "",
    reason: row.pause_reason,
    until: instant(row.paused_until),
  };
}
