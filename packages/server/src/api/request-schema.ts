import { MillraceError } from "@millrace/core";
import type { z } from "zod";
import { requireStorable, toPointer } from "./storable.ts";

/** Fastify's name for where a value comes from, and ours. */
const PARTS: Record<string, string> = {
  params: "path parameter",
  querystring: "query parameter",
  headers: "header",
};

/** Checks the parts of a request against the zod schemas of its route, and says what is wrong in the caller's terms. */
export function validatorCompiler({
  schema,
  httpPart,
}: {
  schema: z.ZodType;
  httpPart?: string | undefined;
}) {
  const part = httpPart === undefined || httpPart === "body" ? "" : (PARTS[httpPart] ?? "");
  return (data: unknown): { value: unknown } | { error: MillraceError } => {
    try {
      if (part) requireStorable(data, `the ${httpPart === "params" ? "path" : "query string"}`);
      // Fastify gives null for a body that is not there.
      return { value: check(schema, data ?? undefined, [], part) };
    } catch (error) {
      if (error instanceof MillraceError) return { error };
      throw error;
    }
  };
}

/**
 * @param path where `data` stands in the body
 * @throws MillraceError `invalid_request` that lists up to five problems; its pointer is the first one's
 */
export function check<S extends z.ZodType>(
  schema: S,
  data: unknown,
  path: readonly PropertyKey[] = [],
  part = "",
): z.output<S> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => explain(issue, data));
  const shown = problems.slice(0, 5).map(({ at, says }) => {
    const where = part ? `${part} ${at.map(String).join(".")}` : toPointer([...path, ...at]);
    return at.length > 0 || path.length > 0 ? `${where}: ${says}` : says;
  });
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : "";
  throw new MillraceError("invalid_request", `${shown.join("; ")}${more}`, {
    ...(part === "" && { pointer: toPointer([...path, ...(problems[0]?.at ?? [])]) }),
  });
}

interface Explained {
  at: readonly PropertyKey[];
  says: string;
}

function explain(issue: z.core.$ZodIssue, data: unknown): Explained[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ at: [...issue.path, key], says: "there is no such field" }));
  }
  if (data === undefined && issue.path.length === 0) {
    return [
      { at: [], says: "a JSON body is required, with the header Content-Type: application/json" },
    ];
  }
  return [{ at: issue.path, says: inOurWords(issue, data) }];
}

/** What zod says, but where it tells nothing to who does not know how the schema is written. */
function inOurWords(issue: z.core.$ZodIssue, data: unknown): string {
  const given = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    data,
  );
  const mistaken = issue.code === "invalid_type" || issue.code === "invalid_union";
  if (mistaken && given === undefined) return "it is missing";
  if (issue.code === "invalid_type" && issue.expected === "number" && typeof given === "string") {
    return "it must be a number";
  }
  if (issue.code === "invalid_format" && issue.format === "uuid") {
    return "it is no id: that is a UUID, such as 01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";
  }
  return issue.message;
}
