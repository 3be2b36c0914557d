import { z } from "zod";

export const ReadScaling = z.strictObject({
  queues: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Names with commas between them: those that the workers to be scaled take from. Default: all",
    ),
});

export const QueueScaling = z
  .object({
    name: z.string(),
    waiting: z.int().describe("Runs that may start now"),
    running: z.int(),
    arrivalRate: z.number().describe("Runs that arrive per second, averaged over half a minute"),
    startRate: z.number().describe("Runs that start per second, likewise"),
    workers: z.number().describe("Living workers; one that has other queues counts in part"),
    slots: z.int().describe("Of one worker"),
    wanted: z.number().describe("Workers that it wants"),
  })
  .meta({ id: "QueueScaling" });

export type QueueScaling = z.infer<typeof QueueScaling>;

export const Scaling = z
  .object({
    workersWanted: z.int().describe("For all these queues together, rounded up"),
    queues: z.array(QueueScaling),
  })
  .meta({ id: "Scaling" });

export type Scaling = z.infer<typeof Scaling>;
