import { MillraceError } from "@millrace/core";
import type { JsonPatch } from "@millrace/core/api";
import { type RerunRow, readForRerun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import type { InputCheck } from "./intake.ts";
import { patchInput } from "./patch-input.ts";
import { openInputText } from "./subjects/open-content.ts";

/** A run's input after a patch, which its job accepts. */
export interface PatchedInput {
  /** JSON text, as it is stored. */
  text: string;
  /** Null where it is about somebody: what it says is not to be kept in clear. */
  patch: JsonPatch | null;
}

/**
 * @param db of who is in a transaction
 * @throws MillraceError `invalid_patch`; whatever the intake says of the input that comes of it, with a pointer into that
 *   input
 */
export async function patchedInput(
  intake: InputCheck,
  { job, input }: Pick<RerunRow, "job" | "input">,
  patch: JsonPatch,
  db?: Queryable,
): Promise<PatchedInput> {
  const plain = await openInputText(intake.subjects, input, db);
  const text = patchInput(plain, patch);
  await intake.requireAcceptable(job, JSON.parse(text), null, db);
  const stored = await intake.sealed(job, text, db);
  if (plain !== input && stored === text) throw notDeclared(job);
  return { text: stored, patch: stored === text ? patch : null };
}

function notDeclared(job: string): MillraceError {
  return new MillraceError(
    "subject_not_encrypted",
    `the run was encrypted under its subject, and ${job} declares none any more, so that another input would be kept in clear; rerun it as it was`,
  );
}

/** The same for a run by its id. The input of a run never changes, so this needs no lock. */
export async function patchedInputOf(
  db: Queryable,
  intake: InputCheck,
  runId: string,
  patch: JsonPatch,
): Promise<PatchedInput> {
  return patchedInput(intake, await requireRun(db, runId), patch, db);
}

/** What a patch makes of a run's input. JSON texts, so that no digit is lost. */
export interface Preview {
  runId: string;
  job: string;
  before: string;
  /** Null when the patch cannot be applied. */
  after: string | null;
  /** Why a rerun with it would not be accepted. */
  problem: MillraceError | null;
}

/** @throws MillraceError `dead_letter_not_found` */
export async function previewPatch(
  db: Queryable,
  intake: InputCheck,
  runId: string,
  patch: JsonPatch,
): Promise<Preview> {
  const { job, input: stored } = await requireRun(db, runId);
  const input = await openInputText(intake.subjects, stored);
  const preview: Preview = { runId, job, before: input, after: null, problem: null };
  try {
    preview.after = patchInput(input, patch);
    await intake.requireAcceptable(job, JSON.parse(preview.after), null);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code === "database_unavailable") throw error;
    preview.problem = error;
  }
  return preview;
}

async function requireRun(db: Queryable, runId: string): Promise<RerunRow> {
  const [run] = await readForRerun(db, runId);
  if (run) return run;
  throw new MillraceError("dead_letter_not_found", `run ${runId} is not a dead letter`);
}
