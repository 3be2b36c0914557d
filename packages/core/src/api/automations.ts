import { z } from "zod";
import { Instant, Name, RunId, RunStateSchema } from "./runs.ts";
import { StoredJson } from "./stored-json.ts";

/** The contract of the founding article, served as it stands there: these names and no others. */
export const PostAutomation = z
  .strictObject({ job_type: Name, payload: z.json() })
  .meta({ id: "PostAutomation" });

export const AutomationAccepted = z
  .object({ task_id: RunId, status: z.literal("queued") })
  .meta({ id: "AutomationAccepted" });

export const Automation = z
  .object({
    id: RunId,
    job_type: z.string(),
    status: RunStateSchema,
    payload: StoredJson,
    result: StoredJson.nullable(),
    created_at: Instant,
    started_at: Instant.nullable(),
    completed_at: Instant.nullable(),
    retry_count: z.int(),
    error_message: z.string().nullable(),
  })
  .meta({ id: "Automation" });

export type Automation = z.infer<typeof Automation>;
