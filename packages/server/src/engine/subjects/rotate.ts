import { type Caller, requirePermission } from "../../security/caller.ts";
import { rewrap } from "../../security/envelope.ts";
import type { KeyRing } from "../../security/key-ring.ts";
import type { Database } from "../../store/database.ts";
import {
  keepRewrappedSubjects,
  lockSubjectsUnderOtherKeys,
  readNameKey,
  rewrapNameKey,
} from "../../store/subjects.ts";
import { asCaller } from "../as-caller.ts";
import { NAME_KEY_PLACE, keyPlace } from "./subjects.ts";

/** In one transaction, whose locks hold up who erases one of them, or asks for a run of it. */
const BATCH = 500;

const FIRST = "00000000-0000-0000-0000-000000000000";

/**
 * Encrypts the keys of all subjects anew, under the first key of the ring. What is kept of them stays as it is, and is read meanwhile.
 *
 * @returns how many those were
 */
export async function rotateSubjects(db: Database, caller: Caller, ring: KeyRing): Promise<number> {
  requirePermission(caller, "administer");
  await rotateNameKey(db, ring);
  let rewrapped = 0;
  for (let after = FIRST; ;) {
    const [last, count] = await asCaller(
      db,
      caller,
      "administer",
      "installation",
      async (tx, tell) => {
        const batch = await lockSubjectsUnderOtherKeys(tx, ring.first.id, after, BATCH);
        const opened = batch.flatMap(({ id, wrapped_key }) => {
          const key = anew(ring, id, wrapped_key);
          return key ? [{ id, key }] : [];
        });
        await keepRewrappedSubjects(
          tx,
          opened.map(({ id }) => id),
          opened.map(({ key }) => key),
        );
        const told = { key_id: ring.first.id, subjects: opened.length };
        if (opened.length > 0) tell("secrets.rotated", "subjects", { after: told });
        return [batch.at(-1)?.id, opened.length] as const;
      },
    );
    if (last === undefined) return rewrapped;
    rewrapped += count;
    after = last;
  }
}

async function rotateNameKey(db: Database, ring: KeyRing): Promise<void> {
  const [row] = await readNameKey(db);
  if (!row) return;
  await rewrapNameKey(db, rewrap(ring, NAME_KEY_PLACE, row.wrapped_key));
}

/** What no key opens stays as it is. */
function anew(ring: KeyRing, id: string, wrappedKey: Buffer): Buffer | undefined {
  try {
    return rewrap(ring, keyPlace(id), wrappedKey);
  } catch {
    return undefined;
  }
}
