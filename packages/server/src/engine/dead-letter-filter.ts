import type { Projects } from "@millrace/core";
import type { DeadLetterFilter } from "@millrace/core/api";
import type { FilterParams } from "../store/dead-letters.ts";

/** A filter as the statements take it. @param projects of which they must be; null for any */
export function filterParams(filter: DeadLetterFilter, projects: Projects): FilterParams {
  const { job, queue, fingerprint, errorClass, since, until, text } = filter;
  return [
    job ?? null,
    queue ?? null,
    fingerprint ?? null,
    errorClass ?? null,
    since === undefined ? null : new Date(since),
    until === undefined ? null : new Date(until),
    text ?? null,
    projects,
  ];
}
