import { z } from "zod";
import { Name, RunId } from "./runs.ts";

export const EmitEvent = z
  .strictObject({
    name: Name.describe("The event's name"),
    payload: z.json().optional().describe("{} when absent; 256 KiB at the most"),
    run: RunId.optional().describe("The run that alone shall get it"),
    idempotencyKey: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe("Same name and key: same event. Another payload under the same key is refused"),
    project: Name.optional().describe(
      "Whose runs alone get it. Default: the caller's own; of who is confined to none, all",
    ),
  })
  .meta({ id: "EmitEvent" });

export type EmitEvent = z.infer<typeof EmitEvent>;

export const EmittedEvent = z
  .object({
    id: z.uuid().describe("A UUIDv7"),
    created: z.boolean().describe("False when it was sent before, under its key"),
  })
  .meta({ id: "EmittedEvent" });

export type EmittedEvent = z.infer<typeof EmittedEvent>;
