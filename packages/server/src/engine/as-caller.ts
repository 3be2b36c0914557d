import type { Json, Permission } from "@millrace/core";
import type { AuditAction } from "@millrace/core/api";
import { type Actor, type Caller, requirePermission, requireWhole } from "../security/caller.ts";
import { noteAudit, setActor } from "../store/audit.ts";
import { type Database, type Transaction, inTransaction } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";
import { type Scope, requireWithin } from "./scope.ts";

/** What is told of something that was done: nothing secret, and nothing of what runs work on. */
export interface Told {
  readonly before?: Json | undefined;
  readonly after?: Json | undefined;
}

/**
 * Puts on record that something was done, when it is no change of a row of the configuration: those are noted by triggers.
 *
 * @param object what it was done to, such as `run:` and its id
 */
export type Tell = (action: AuditAction, object: string, told?: Told) => void;

/** A part of a transaction of somebody. */
export type Work<T> = (tx: Queryable, tell: Tell) => Promise<T>;

/**
 * Runs `work` in one transaction (its own, or as a part of that which is given), as somebody who may do it: whatever it changes is theirs on record.
 *
 * @param scope what it is about: that must be there for the caller
 * @throws MillraceError `forbidden`, before anything else happens; what is said of that which is not there
 */
export async function asCaller<T>(
  db: Database | Transaction,
  caller: Caller,
  permission: Permission,
  scope: Scope,
  work: Work<T>,
): Promise<T> {
  requirePermission(caller, permission);
  if (scope === "installation") requireWhole(caller);
  return asActor(db, caller, async (tx, tell) => {
    await requireWithin(tx, caller, scope);
    return work(tx, tell);
  });
}

/** The same for who needs no permission: what the platform does by itself, or who has been let in by something else than a key. */
export function asActor<T>(
  db: Database | Transaction,
  { name, role, address, requestId: request }: Actor,
  work: Work<T>,
): Promise<T> {
  return inTransaction(db, async (tx) => {
    await setActor(tx, JSON.stringify({ name, role, address, request }));
    const notes: object[] = [];
    const result = await work(
      tx,
      (action, object, told) => void notes.push({ action, object, ...told }),
    );
    // Last of all: whoever writes to the audit holds up everybody else who does, and must wait for nobody.
    if (notes.length > 0) await noteAudit(tx, JSON.stringify(notes));
    return result;
  });
}
