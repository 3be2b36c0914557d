import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";

/** The answer to every request that failed: RFC 9457 problem details, with our stable code. */
export const Problem = z
  .object({
    type: z.string().describe("An address that tells more about the code"),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string().describe("What happened, where, and how to mend it"),
    pointer: z
      .string()
      .optional()
      .describe("JSON Pointer (RFC 6901) to the part of the request that is wrong"),
    requestId: z.string(),
  })
  .meta({ id: "Problem" });

export type Problem = z.infer<typeof Problem>;
