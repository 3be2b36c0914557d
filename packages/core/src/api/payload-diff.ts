import { z } from "zod";
import { RunId } from "./runs.ts";
import { StoredJson } from "./stored-json.ts";

/** An input against that of another run. */
export const PayloadDiff = z
  .object({
    against: RunId,
    changes: z.array(
      z.object({
        path: z.string().describe("A JSON Pointer"),
        kind: z.enum(["added", "removed", "changed"]),
        before: StoredJson.optional(),
        after: StoredJson.optional(),
      }),
    ),
    more: z.boolean().describe("There are more than 50"),
  })
  .meta({ id: "PayloadDiff" });

export type PayloadDiff = z.infer<typeof PayloadDiff>;
