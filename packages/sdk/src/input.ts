import { type Json, MillraceError } from "@millrace/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { InputSchema } from "./job.ts";

/**
 * Checks an input against a job's schema.
 *
 * @returns the schema's output, which the handler receives; a promise of it only if the schema itself is asynchronous
 * @throws MillraceError `invalid_input`; the message lists up to five problems, each with its place
 */
export function checkInput(
  job: { name: string; schema: InputSchema | undefined },
  input: unknown,
): unknown {
  return job.schema
    ? checkValue(job.schema, input, `input of ${job.name}`)
    : requireNothing(job.name, input);
}

/**
 * The same for any schema.
 *
 * @param what names the value in the error
 */
export function checkValue(schema: InputSchema, value: unknown, what: string): unknown {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise
    ? result.then((later) => outputOf(later, what))
    : outputOf(result, what);
}

function outputOf(result: StandardSchemaV1.Result<unknown>, what: string): unknown {
  if (!result.issues) return result.value;
  const problems = result.issues.map((issue) => ({
    pointer: pointerOf(issue.path ?? []),
    message: issue.message,
  }));
  const shown = problems
    .slice(0, 5)
    .map((p) => (p.pointer ? `${p.pointer}: ${p.message}` : p.message));
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : "";
  throw new MillraceError("invalid_input", `${what}: ${shown.join("; ")}${more}`, {
    pointer: problems[0]?.pointer,
  });
}

function requireNothing(job: string, input: unknown): Json {
  const empty =
    input === undefined ||
    input === null ||
    (typeof input === "object" && !Array.isArray(input) && Object.keys(input).length === 0);
  if (empty) return {};
  throw new MillraceError("invalid_input", `input of ${job}: this job takes no input; send {}`);
}

function pointerOf(path: readonly (PropertyKey | { key: PropertyKey })[]): string {
  return path
    .map((part) => String(typeof part === "object" ? part.key : part))
    .map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
