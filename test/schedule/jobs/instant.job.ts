import { defineJob } from "@millrace/sdk";

/** Jobs that tell what they know of the schedule that started them, each on another way to its handler. */
const run = (
  _input: unknown,
  { scheduledFor, trigger }: { scheduledFor: Date | undefined; trigger: string },
) => ({
  trigger,
  scheduledFor: scheduledFor?.toISOString() ?? null,
});

const schedules = [{ at: "2027-01-01T00:00:00Z" }];

export const plain = defineJob({ name: "plain", schedules, run });

export const gated = defineJob({ name: "gated", concurrency: { limit: 1 }, schedules, run });

export const apart = defineJob({ name: "apart", isolation: "process", schedules, run });

export const batched = defineJob({
  name: "batched",
  batch: { size: 2, wait: "10ms" },
  schedules,
  run: (_inputs, { items }) => items.map((item) => run(null, item)),
});
