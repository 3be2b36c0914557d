import { MillraceError, type Permission, type Role, may, rolesThatMay } from "@millrace/core";

/** Who asks for something: the server's own key, or one of those that were made. */
export interface Caller {
  /** As history has it: `api` for the server's own key, else `key:` and its name. */
  readonly name: string;
  readonly role: Role;
}

/** @throws MillraceError `forbidden` */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (may(caller.role, permission)) return;
  throw new MillraceError(
    "forbidden",
    `a key of the role ${caller.role} may not do this; it takes one of ${rolesThatMay(permission)}`,
  );
}
