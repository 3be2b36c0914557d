import { z } from "zod";
import { Instant, SubjectName } from "./runs.ts";

export const EraseSubject = z
  .strictObject({
    subject: SubjectName.describe(
      "Its name, as inputs have it where their job says that the subject is",
    ),
    forget: z
      .boolean()
      .optional()
      .describe(
        "Lets new runs of the subject come, under a new key; without it they are refused. What was erased stays so",
      ),
    dryRun: z.boolean().optional().describe("Only say what it would do"),
  })
  .meta({ id: "EraseSubject" });

export type EraseSubject = z.infer<typeof EraseSubject>;

export const ErasedSubject = z
  .object({
    id: z.uuid().describe("By which runs name it"),
    erasedAt: Instant.nullable().describe("Null when it is not erased"),
    runs: z.int().describe("About it, in all that is kept"),
    open: z.int().describe("How many of them had not ended; they are cancelled"),
  })
  .meta({ id: "ErasedSubject" });

export type ErasedSubject = z.infer<typeof ErasedSubject>;
