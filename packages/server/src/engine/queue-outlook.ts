import { type Outlook, type QueueSample, outlookInWords, outlookOf } from "@millrace/core";
import type { QueueOutlook } from "@millrace/core/api";
import type { QueueSampleRow } from "../store/queue-samples.ts";
import type { QueueRow, QueueStanceRow } from "../store/queues.ts";

/** Of a queue what its outlook needs. */
type Outlooking = QueueStanceRow & Pick<QueueRow, "ready" | "held" | "running">;

/**
 * When what waits in a queue will have started, as API, command line and explanations tell it.
 *
 * @param samples oldest first; null where whoever asks sees but a part of the queue
 */
export function queueOutlook(
  row: Outlooking,
  samples: readonly QueueSampleRow[] | null,
): QueueOutlook | null {
  if (samples === null) return null;
  const outlook: Outlook = outlookOf(
    {
      at: row.now.getTime(),
      ready: row.ready,
      held: row.held,
      running: row.running,
      paused: row.paused_at !== null,
      workers: row.workers,
      slots: row.slots,
      alone: row.alone,
      limit: row.concurrency,
      rated: row.rate !== null,
    },
    samplesOf(row.name, samples),
  );
  return { ...outlook, words: outlookInWords(outlook, row.paused_until?.getTime()) };
}

/** Those of one queue. */
export function samplesOf(queue: string, samples: readonly QueueSampleRow[]): QueueSample[] {
  return samples.map(({ at, depths, starts }) => ({
    at: at.getTime(),
    depth: depths[queue] ?? 0,
    starts: starts[queue] ?? 0,
  }));
}
