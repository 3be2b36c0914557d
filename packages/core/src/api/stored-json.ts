import { z } from "zod";
import type { Json } from "../json.ts";

/**
 * JSON in an answer: it comes out of the database as JSON already. `z.json()` would look at all of it again, and leave out
 * keys named `__proto__`.
 */
export const StoredJson = z.unknown().describe("Any JSON") as unknown as z.ZodType<Json>;

/** The same, where it is known to be an object. */
export const StoredObject = z.unknown().describe("A JSON object") as unknown as z.ZodType<{
  readonly [key: string]: Json;
}>;
