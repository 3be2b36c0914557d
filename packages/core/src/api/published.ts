import { z } from "zod";
import { Instant } from "./runs.ts";
import { StoredJson } from "./stored-json.ts";

export const Published = z
  .object({
    key: z.string(),
    value: StoredJson,
    at: Instant.describe("When it was written"),
    attempt: z.int().describe("The attempt that has published it"),
  })
  .meta({ id: "Published" });

export type Published = z.infer<typeof Published>;

export const ReadPublished = z.strictObject({
  name: z.string().min(1).max(100).optional().describe("What is published under this key alone"),
});

export const PublishedList = z
  .object({ published: z.array(Published).describe("The last value of each key, by key") })
  .meta({ id: "PublishedList" });

export type PublishedList = z.infer<typeof PublishedList>;
