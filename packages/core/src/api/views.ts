import { z } from "zod";
import { MAX_QUERY_LENGTH } from "../query/parse.ts";
import { Instant } from "./runs.ts";

/** As many views one caller may keep. */
export const MAX_VIEWS = 100;

export const BySlug = z.strictObject({
  slug: z
    .string()
    .max(60)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "use a to z, 0 to 9, and single - between them"),
});

export const SaveView = z
  .strictObject({
    title: z.string().trim().min(1).max(100),
    query: z.string().max(MAX_QUERY_LENGTH).describe("As the search of runs takes it"),
    columns: z.array(z.string().min(1).max(120)).max(20).default([]),
    shared: z.boolean().default(false).describe("Everybody sees it who sees what its owner does"),
  })
  .meta({ id: "SaveView" });

export type SaveView = z.infer<typeof SaveView>;

export const SavedView = z
  .object({
    slug: z.string(),
    title: z.string(),
    query: z.string(),
    columns: z.array(z.string()),
    shared: z.boolean(),
    mine: z.boolean(),
    owner: z.string(),
    createdAt: Instant,
    changedAt: Instant,
  })
  .meta({ id: "SavedView" });

export type SavedView = z.infer<typeof SavedView>;

export const SavedViewList = z.object({ views: z.array(SavedView) }).meta({ id: "SavedViewList" });
