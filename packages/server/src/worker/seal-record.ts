import { MillraceError } from "@millrace/core";
import type { NewCheckpoint, NewNote, NewWait, Publication } from "@millrace/sdk";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";

/*
 * What the steps of a run put on record, as it may be kept of one that is about somebody. Names of steps and keys of publications are written by
 * authors and stay as they are.
 */

export function sealedStep(checkpoint: NewCheckpoint, seal: RunSeal | undefined): NewCheckpoint {
  return seal ? { ...checkpoint, value: seal.json("step", checkpoint.value) } : checkpoint;
}

export function sealedNote(note: NewNote, seal: RunSeal | undefined): NewNote {
  if (!seal || !note.error) return note;
  return { ...note, error: { ...note.error, message: seal.text("note", note.error.message) } };
}

export function sealedPublication(
  publication: Publication,
  seal: RunSeal | undefined,
): Publication {
  return seal ? { ...publication, value: seal.json("published", publication.value) } : publication;
}

/**
 * A wait, with what it asks people encrypted, and the inputs of children under subjects of theirs.
 *
 * @throws MillraceError `subject_not_encrypted` for what would be kept in clear; `invalid_input`, `subject_erased`, `secret_key_missing`
 */
export async function sealedWait(
  wait: NewWait,
  seal: RunSeal | undefined,
  subjects: Subjects,
): Promise<NewWait> {
  if (wait.children) return { ...wait, children: await sealedChildren(wait, seal, subjects) };
  if (!seal) return wait;
  if (wait.event) {
    throw new MillraceError(
      "subject_not_encrypted",
      `step ${JSON.stringify(wait.name)} waits for the event ${JSON.stringify(wait.event.name)}, and events are kept in clear, which a job with a subject may not; let a run of a job without a subject wait for it, and call this job`,
    );
  }
  const { approval } = wait;
  if (!approval) return wait;
  const ask = seal.text("approval", approval.ask);
  const details = approval.details && seal.json("approval", approval.details);
  return { ...wait, approval: { ...approval, ask, details } };
}

async function sealedChildren(
  { name, children }: NewWait,
  seal: RunSeal | undefined,
  subjects: Subjects,
): Promise<NewWait["children"]> {
  const { job, inputs } = children!;
  const path = await subjects.pathOf(job);
  if (!path && seal) {
    throw new MillraceError(
      "subject_not_encrypted",
      `step ${JSON.stringify(name)} calls ${job}, which declares no subject: what it is given and gives would be kept in clear; let ${job} declare a subject, too`,
    );
  }
  if (!path) return children;
  const sealed = inputs.map((text) =>
    subjects.sealInput(job, path, { input: JSON.parse(text), text }),
  );
  return { ...children!, inputs: await Promise.all(sealed) };
}
