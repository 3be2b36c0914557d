import { MillraceError } from "@millrace/core";
import { failpoint } from "../../runtime/failpoints.ts";
import type { Caller } from "../../security/caller.ts";
import type { Database } from "../../store/database.ts";
import {
  countSubjectRuns,
  destroySubjectKey,
  lockSubject,
  readSubject,
  setNameFree,
} from "../../store/subjects.ts";
import { asCaller } from "../as-caller.ts";
import { endRunsOf } from "./end-runs.ts";
import type { Subjects } from "./subjects.ts";

/** Cancelled by whoever asks, who waits for it. */
const MOST_ENDED = 500;

export interface Erase {
  /** The name of the subject, as inputs have it. */
  name: string;
  /** Lets new runs of it come, under a new key. What was erased stays so. */
  forget?: boolean | undefined;
}

export interface Erased {
  /** By which runs name it; the name itself is kept nowhere. */
  id: string;
  erasedAt: Date | null;
  /** How many runs are about it, and how many of them were open. */
  runs: number;
  open: number;
}

/**
 * Destroys the key of a subject: what runs keep of it cannot be read any more, by nobody and from no copy that is made from now on. Its open runs
 * are cancelled afterwards, one by one; whoever dies over it leaves that to maintenance. To erase again does what is left to do.
 *
 * @throws MillraceError `forbidden`, `subject_not_found`, `secret_key_missing`
 */
export async function eraseSubject(
  db: Database,
  caller: Caller,
  subjects: Subjects,
  { name, forget = false }: Erase,
): Promise<Erased> {
  const erased = await asCaller(db, caller, "administer", "installation", async (tx, tell) => {
    const hash = await subjects.knownHashOf(name, tx);
    const [subject] = hash ? await lockSubject(tx, hash) : [];
    if (!subject) throw subjectNotFound();
    const { id } = subject;
    const [destroyed] = await destroySubjectKey(tx, id, caller.name);
    // After the key is gone: whoever is accepted later is refused, and whoever came before is seen.
    const [counted] = await countSubjectRuns(tx, id);
    if (forget) await setNameFree(tx, id);
    const told = { ...counted!, name_set_free: forget };
    if (destroyed || forget) tell("subject.erased", `subject:${id}`, { after: told });
    return { id, erasedAt: destroyed?.erased_at ?? subject.erased_at, ...counted! };
  });
  failpoint("erase.between");
  subjects.forget();
  await endRunsOf(db, erased.id, MOST_ENDED);
  return erased;
}

/**
 * What an erasure would do; nothing is changed.
 *
 * @throws MillraceError `forbidden`, `subject_not_found`, `secret_key_missing`
 */
export function previewErasure(
  db: Database,
  caller: Caller,
  subjects: Subjects,
  name: string,
): Promise<Erased> {
  return asCaller(db, caller, "administer", "installation", async (tx) => {
    const hash = await subjects.knownHashOf(name, tx);
    const [subject] = hash ? await readSubject(tx, hash) : [];
    if (!subject) throw subjectNotFound();
    const [counted] = await countSubjectRuns(tx, subject.id);
    return { id: subject.id, erasedAt: subject.erased_at, ...counted! };
  });
}

function subjectNotFound(): MillraceError {
  return new MillraceError(
    "subject_not_found",
    "nothing is kept under a subject of that name; it is the value that inputs have where their job says its subject is, letter by letter",
  );
}
