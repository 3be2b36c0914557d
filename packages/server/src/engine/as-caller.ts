import type { Permission } from "@millrace/core";
import { type Actor, type Caller, requirePermission } from "../security/caller.ts";
import { setActor } from "../store/audit.ts";
import { type Database, inTransaction } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * Runs `work` in one transaction, as somebody who may do it: whatever it changes is theirs on record.
 *
 * @throws MillraceError `forbidden`, before anything else happens
 */
export async function asCaller<T>(
  db: Database,
  caller: Caller,
  permission: Permission,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  requirePermission(caller, permission);
  return asActor(db, caller, work);
}

/** The same for who needs no permission: what the platform does by itself, or who has been let in by something else than a key. */
export function asActor<T>(
  db: Database,
  { name, role, address, requestId: request }: Actor,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  return inTransaction(db, async (tx) => {
    await setActor(tx, JSON.stringify({ name, role, address, request }));
    return work(tx);
  });
}
