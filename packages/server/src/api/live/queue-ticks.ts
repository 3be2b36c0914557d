import type { Projects } from "@millrace/core";
import type { LiveTick } from "@millrace/core/api";
import { queueOutlook } from "../../engine/queue-outlook.ts";
import type { StandingOfQueueRow } from "../../store/live.ts";
import type { QueueSampleRow } from "../../store/queue-samples.ts";

type QueueTick = LiveTick["queues"][number];

/**
 * How the queues stand that somebody may see.
 *
 * @param samples oldest first
 */
export function queueTicks(
  rows: readonly StandingOfQueueRow[],
  samples: readonly QueueSampleRow[],
  projects: Projects,
): QueueTick[] {
  const queues = new Map<string, { tick: QueueTick; row: StandingOfQueueRow }>();
  for (const row of rows) {
    const own =
      projects === null || row.queue_project === null || projects.includes(row.queue_project);
    if (!own) continue;
    const queue = queues.get(row.queue) ?? { tick: emptyTick(row), row };
    queues.set(row.queue, queue);
    if (projects === null || projects.includes(row.project ?? "")) add(queue.tick, row);
  }
  return [...queues.values()].map(({ tick, row }) =>
    // Samples and workers are those of all projects.
    projects === null ? { ...tick, outlook: outlookOf(tick, row, samples) } : tick,
  );
}

function emptyTick({ queue, paused_at }: StandingOfQueueRow): QueueTick {
  return {
    ...{ name: queue, ready: 0, held: 0, running: 0 },
    ...{ oldestSeconds: null, paused: paused_at !== null, outlook: null },
  };
}

function add(tick: QueueTick, row: StandingOfQueueRow): void {
  tick.ready += row.ready;
  tick.held += row.held;
  tick.running += row.running;
  if (!row.since) return;
  const seconds = Math.max(0, (row.now.getTime() - row.since.getTime()) / 1000);
  tick.oldestSeconds = Math.max(tick.oldestSeconds ?? 0, seconds);
}

/** Of most queues there is nothing to tell, and they are told each second. */
function outlookOf(
  { ready, held, running }: QueueTick,
  row: StandingOfQueueRow,
  samples: readonly QueueSampleRow[],
): QueueTick["outlook"] {
  if (ready + held === 0) return null;
  const { queue: name, queue_project: project } = row;
  return queueOutlook({ ...row, name, project, ready, held, running }, samples);
}
