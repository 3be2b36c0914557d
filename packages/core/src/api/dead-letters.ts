import { z } from "zod";
import { Instant, MAX_PAGE, Name, RunId } from "./runs.ts";

export const DeadLetter = z
  .object({
    runId: RunId,
    job: z.string(),
    queue: z.string(),
    failedAt: Instant,
    error: z.object({ class: z.string(), message: z.string() }),
  })
  .meta({ id: "DeadLetter" });

export type DeadLetter = z.infer<typeof DeadLetter>;

export const ListDeadLetters = z.strictObject({
  job: Name.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.uuid().optional(),
});

export const DeadLetterPage = z
  .object({ deadLetters: z.array(DeadLetter), nextCursor: z.uuid().nullable() })
  .meta({ id: "DeadLetterPage" });

export type DeadLetterPage = z.infer<typeof DeadLetterPage>;

export const Dismiss = z.strictObject({ note: z.string().max(1000).optional() });
