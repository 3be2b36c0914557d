import { MillraceError, type Permission, type Role, may, rolesThatMay } from "@millrace/core";

/** Who asks for something: the server's own key, one of those that were made, or a person. */
export interface Caller {
  /** As history has it: `api` for the server's own key, else `key:` and its name, or `person:` and their address. */
  readonly name: string;
  readonly role: Role;
}

/** @throws MillraceError `forbidden` */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (may(caller.role, permission)) return;
  const who = caller.name.startsWith("person:") ? "person" : "key";
  throw new MillraceError(
    "forbidden",
    `a ${who} of the role ${caller.role} may not do this; it takes one of ${rolesThatMay(permission)}`,
  );
}
