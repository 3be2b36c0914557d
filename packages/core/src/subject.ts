import { MillraceError } from "./errors.ts";
import type { FlowPolicy } from "./flow-policy.ts";

/** What is read in place of content whose subject was erased. */
export const ERASED = "[erased]";

/** In characters: a name, a number or an address, and no document. */
const MAX_NAME = 200;

/** What of a job decides whether it may have a subject. */
export interface SubjectNeeds {
  readonly subject: string | undefined;
  readonly flow: FlowPolicy;
  readonly schedules: number;
}

/**
 * The path to the name of the subject in a job's input; null for a job that has none. What its content is encrypted under is known when it has
 * come, so the database reads nothing in an input but the subject itself.
 *
 * @throws MillraceError `invalid_job` naming the option
 */
export function subjectPath(
  { subject, flow, schedules }: SubjectNeeds,
  job: string,
): readonly string[] | null {
  if (subject === undefined) return null;
  const path = pathOf(subject, job);
  const refuse = (option: string, why: string): never => {
    throw new MillraceError("invalid_job", `job ${job}: ${option}: ${why}`);
  };
  const read = `the input is encrypted under its subject, and nothing but ${JSON.stringify(subject)} can be read in it before its handler`;
  const isOther = (key: readonly string[] | null | undefined) =>
    key !== undefined && String(key) !== String(path);
  if (isOther(flow.key)) refuse("concurrency, rateLimit and fairBy", `${read}; make it the key`);
  if (typeof flow.cost === "object") refuse("rateLimit.cost", `${read}; make it a number`);
  if (flow.collapse && isOther(flow.collapse.key)) {
    refuse(flow.collapse.mode, `${read}; make it the key`);
  }
  if (flow.batch) {
    refuse("batch", "one call would have the content of several subjects; leave batch or subject");
  }
  if (schedules > 0) {
    refuse(
      "schedules",
      "the input of a schedule is kept in clear; let a job without a subject start the runs",
    );
  }
  return path;
}

/**
 * The name of the subject in an input.
 *
 * @throws MillraceError `invalid_input`
 */
export function subjectIn(input: unknown, path: readonly string[], job: string): string {
  let value = input;
  for (const part of path) value = (value as Record<string, unknown> | null | undefined)?.[part];
  const name = typeof value === "string" || typeof value === "number" ? String(value) : "";
  if (name !== "" && name.length <= MAX_NAME) return name;
  throw new MillraceError(
    "invalid_input",
    `input of ${job}: ${path.join(".")} must say which subject it is about, by a text of 1 to ${MAX_NAME} characters or a number`,
    { pointer: path.map((part) => `/${part}`).join("") },
  );
}

function pathOf(subject: unknown, job: string): string[] {
  const parts = typeof subject === "string" ? subject.split(".") : [];
  const isPath = parts.length > 0 && parts.length <= 10 && parts.every((part) => part !== "");
  // What stands in place of an encrypted input has keys of its own that begin like this.
  if (isPath && !parts[0]!.startsWith("$")) return parts;
  throw new MillraceError(
    "invalid_job",
    `job ${job}: subject ${JSON.stringify(subject)} is not a path into the input, such as "customerId"`,
  );
}
