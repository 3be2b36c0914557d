import { createHash } from "node:crypto";
import { MillraceError } from "@millrace/core";
import type { Job } from "./job.ts";
import { stepList } from "./step-list.ts";

const VERSION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

/** What a job says of its code. */
interface Given {
  version?: string;
  finishes?: readonly string[];
  run: unknown;
}

/**
 * The version of a job's code, the older ones whose runs it can finish, and what its text shows of its steps.
 *
 * @throws MillraceError `invalid_job`
 */
export function versionOf(
  job: string,
  { version, finishes = [], run }: Given,
): Pick<Job, "version" | "finishes" | "steps" | "fingerprint"> {
  if (version !== undefined) requireVersion(version, `job ${job}: version`);
  if (!Array.isArray(finishes)) {
    throw new MillraceError("invalid_job", `job ${job}: finishes must be a list of versions`);
  }
  for (const each of finishes) requireVersion(each, `job ${job}: finishes`);
  if (finishes.length > 0 && version === undefined) {
    throw new MillraceError(
      "invalid_job",
      `job ${job}: finishes needs a version; give the code one, too`,
    );
  }
  const steps = stepList(Function.prototype.toString.call(run));
  const known = version ?? null;
  return {
    version: known,
    finishes: [...new Set(finishes)].filter((each) => each !== version),
    steps,
    fingerprint:
      known === null && steps.length === 0 ? null : fingerprint(JSON.stringify([known, steps])),
  };
}

function requireVersion(version: unknown, what: string): void {
  if (typeof version === "string" && VERSION.test(version)) return;
  throw new MillraceError(
    "invalid_job",
    `${what}: ${JSON.stringify(version)} is not a version; write up to 40 letters, digits, dots, - and _ as text, such as "2"`,
  );
}

function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
