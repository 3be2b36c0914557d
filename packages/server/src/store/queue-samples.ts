import { statement } from "./statement.ts";

/**
 * Notes what waits in each queue, and what was started of each since the last time, once in each minute, whoever asks and however many do; and forgets what is older
 * than 35 minutes. Its cost follows the backlog, never the history.
 */
export const sampleQueues = statement<[], { sampled: boolean }>(
  "take_queue_sample",
  `select millrace.sample_queues() as sampled`,
);

export interface QueueSampleRow {
  at: Date;
  /** Runs that waited, by queue; a queue that is not there had none. */
  depths: Record<string, number>;
  starts: Record<string, number>;
  now: Date;
}

/** The samples of the last half hour, oldest first. */
export const readQueueSamples = statement<[], QueueSampleRow>(
  "read_queue_samples",
  `select at, depths, starts, clock_timestamp() as now from millrace.queue_sample where minute > clock_timestamp() - interval '32 minutes' order by minute`,
);
