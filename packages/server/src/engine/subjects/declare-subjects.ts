import { MillraceError } from "@millrace/core";
import type { Job } from "@millrace/sdk";
import type { KeyRing, SecretKeys } from "../../security/key-ring.ts";
import type { Queryable } from "../../store/statement.ts";
import { keepSubjectJobs, schedulesOfJobs } from "../../store/subjects.ts";
import { NO_KEYS, ensureNameKey } from "./subjects.ts";

/**
 * Lets the database know which jobs have a subject, so that whoever asks for their runs encrypts them.
 *
 * @throws MillraceError `secret_key_missing` when a job has one and there is no key; `invalid_job` for one that has schedules
 */
export async function declareSubjects(
  tx: Queryable,
  jobs: readonly Pick<Job, "name" | "subject">[],
  keys: SecretKeys = NO_KEYS,
): Promise<void> {
  const declaring = jobs.filter(({ subject }) => subject);
  const names = declaring.map(({ name }) => name);
  if (names.length > 0) {
    await ensureNameKey(tx, ringFor(names[0]!, keys));
    await requireNoSchedules(tx, names);
  }
  await keepSubjectJobs(
    tx,
    JSON.stringify(declaring.map(({ name, subject }) => ({ job: name, path: subject }))),
    jobs.filter(({ subject }) => !subject).map(({ name }) => name),
  );
}

function ringFor(job: string, keys: SecretKeys): KeyRing {
  try {
    return keys.read() ?? keys.make();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, `job ${job} has a subject, and ${error.message}`);
  }
}

async function requireNoSchedules(tx: Queryable, jobs: string[]): Promise<void> {
  const [schedule] = await schedulesOfJobs(tx, jobs);
  if (!schedule) return;
  throw new MillraceError(
    "invalid_job",
    `job ${schedule.job}: subject: it has the schedule ${schedule.name}, whose input is kept in clear; remove that (millrace schedule rm ${schedule.name}), and let a job without a subject start the runs`,
  );
}
