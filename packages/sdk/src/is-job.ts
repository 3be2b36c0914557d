import type { Job } from "./job.ts";

/** The mark of what `defineJob` makes. */
export const IS_JOB = Symbol.for("millrace.job");

/** Whether a value, such as a module's export, is a job; it may come from another copy of this package. */
export function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && IS_JOB in value;
}
