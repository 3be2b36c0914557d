import { type Caller, requirePermission, requireWhole } from "../security/caller.ts";
import { type SecretPlace, rewrap } from "../security/envelope.ts";
import type { KeyRing, SecretKeys } from "../security/key-ring.ts";
import type { Database } from "../store/database.ts";
import { type WrappedRow, keepRewrapped, lockUnderOtherKeys } from "../store/secrets.ts";
import { keepRewrappedFactors, lockFactorsUnderOtherKeys } from "../store/second-factors.ts";
import { keepRewrappedTargets, lockTargetsUnderOtherKeys } from "../store/alert-targets.ts";
import type { Queryable } from "../store/statement.ts";
import { placeOfCredential } from "./alerts/place-of-credential.ts";
import { requireTargetKeys } from "./alerts/target-keys.ts";
import { asCaller } from "./as-caller.ts";
import { placeOfFactor } from "./second-factor/place-of-factor.ts";
import { requireFactorKeys } from "./second-factor/ring-for-factors.ts";
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
 * Encrypts the keys of all secrets, of second factors, of the credentials of alert targets, and of the subjects of runs, anew, under the first key of the ring. Values stay as they are, and are read meanwhile. What somebody
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
  await requireFactorKeys(db, keys);
  await requireTargetKeys(db, keys);
  const done: Rotated = { keyId: ring?.first.id ?? null, rewrapped: 0, subjects: 0, unopened: [] };
  if (!ring) return done;
  for (const kind of [SECRETS, FACTORS, TARGETS]) await rotateKind(db, caller, ring, kind, done);
  done.subjects = await rotateSubjects(db, caller, ring);
  return done;
}

async function rotateKind(
  db: Database,
  caller: Caller,
  ring: KeyRing,
  { first, what, lock, keep, placeOf }: Kind,
  done: Rotated,
): Promise<void> {
  for (let after = first; ;) {
    const rows = await asCaller(db, caller, "administer", "installation", async (tx, tell) => {
      const batch = await lock(tx, ring.first.id, after, BATCH);
      const opened = batch.flatMap((row) => rewrapped(ring, placeOf(row), row));
      await keep(
        tx,
        opened.map(({ name }) => name),
        opened.map(({ wrapped_key }) => wrapped_key),
      );
      const told = { key_id: ring.first.id, [what]: opened.length };
      if (opened.length > 0) tell("secrets.rotated", "secrets", { after: told });
      return { batch, opened };
    });
    const last = rows.batch.at(-1);
    if (!last) return;
    const opened = new Set(rows.opened.map(({ name }) => name));
    done.rewrapped += opened.size;
    done.unopened.push(
      ...rows.batch.flatMap((row) => (opened.has(row.name) ? [] : [placeOf(row).name])),
    );
    after = last.name;
  }
}

/** One kind of what is encrypted. */
interface Kind {
  what: string;
  /** Before all names. */
  first: string;
  lock: (tx: Queryable, keyId: string, after: string, limit: number) => Promise<WrappedRow[]>;
  keep: (tx: Queryable, names: string[], wrappedKeys: Buffer[]) => Promise<unknown>;
  placeOf: (row: WrappedRow) => SecretPlace;
}

const SECRETS: Kind = {
  what: "secrets",
  first: "",
  lock: lockUnderOtherKeys,
  keep: keepRewrapped,
  placeOf: (row) => row,
};

const FACTORS: Kind = {
  what: "second_factors",
  first: "00000000-0000-0000-0000-000000000000",
  lock: async (tx, ...rest) =>
    (await lockFactorsUnderOtherKeys(tx, ...rest)).map(({ person_id: name, wrapped_key }) => ({
      ...{ name, version: 1, wrapped_key },
    })),
  keep: keepRewrappedFactors,
  placeOf: ({ name }) => placeOfFactor(name),
};

const TARGETS: Kind = {
  what: "alert_targets",
  first: "",
  lock: lockTargetsUnderOtherKeys,
  keep: keepRewrappedTargets,
  placeOf: placeOfCredential,
};

function rewrapped(ring: KeyRing, place: SecretPlace, row: WrappedRow): WrappedRow[] {
  try {
    return [{ ...row, wrapped_key: rewrap(ring, place, row.wrapped_key) }];
  } catch {
    return [];
  }
}
