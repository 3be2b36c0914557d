import { type Caller, requirePermission, requireWhole } from "../security/caller.ts";
import { rewrap } from "../security/envelope.ts";
import type { KeyRing, SecretKeys } from "../security/key-ring.ts";
import type { Database } from "../store/database.ts";
import { type WrappedRow, keepRewrapped, lockUnderOtherKeys } from "../store/secrets.ts";
import { asCaller } from "./as-caller.ts";
import { requireKeys } from "./secrets.ts";
import { rotateSubjects } from "./subjects/rotate.ts";

/** In one transaction, whose locks hold up nobody who reads. */
const BATCH = 500;

export interface Rotated {
  /** Of the first key; null while there is none. */
  keyId: string | null;
  rewrapped: number;
  /** The keys of so many subjects of runs. */
  subjects: number;
  /** Those that no key opens: they stay as they are. */
  unopened: string[];
}

/**
 * Encrypts the keys of all secrets, and of the subjects of runs, anew, under the first key of the ring. Values stay as they are, and are read meanwhile. What somebody
 * sets at the same time comes under that key anyway.
 *
 * @throws MillraceError `forbidden`, `secret_key_missing`
 */
export async function rotateSecrets(
  db: Database,
  caller: Caller,
  keys: SecretKeys,
): Promise<Rotated> {
  requirePermission(caller, "administer");
  requireWhole(caller);
  const ring = await requireKeys(db, keys);
  const done: Rotated = { keyId: ring?.first.id ?? null, rewrapped: 0, subjects: 0, unopened: [] };
  if (!ring) return done;
  for (let after = ""; ;) {
    const rows = await asCaller(db, caller, "administer", "installation", async (tx, tell) => {
      const batch = await lockUnderOtherKeys(tx, ring.first.id, after, BATCH);
      const opened = batch.flatMap((row) => rewrapped(ring, row));
      await keepRewrapped(
        tx,
        opened.map(({ name }) => name),
        opened.map(({ wrapped_key }) => wrapped_key),
      );
      const told = { key_id: ring.first.id, secrets: opened.length };
      if (opened.length > 0) tell("secrets.rotated", "secrets", { after: told });
      return { batch, opened };
    });
    const last = rows.batch.at(-1);
    if (!last) break;
    const opened = new Set(rows.opened.map(({ name }) => name));
    done.rewrapped += opened.size;
    done.unopened.push(...rows.batch.flatMap(({ name }) => (opened.has(name) ? [] : [name])));
    after = last.name;
  }
  done.subjects = await rotateSubjects(db, caller, ring);
  return done;
}

function rewrapped(ring: KeyRing, row: WrappedRow): WrappedRow[] {
  try {
    return [{ ...row, wrapped_key: rewrap(ring, row, row.wrapped_key) }];
  } catch {
    return [];
  }
}
