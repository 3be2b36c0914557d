import {
  MillraceError,
  type Permission,
  type Projects,
  type Role,
  may,
  rolesThatMay,
} from "@millrace/core";

/** Who does something, as history has it. */
export interface Actor {
  /**
   * `api` for the server's own key, else `key:` and the key's name, or `person:` and their address; `link` for who answers by one, `code` for what code
   * defines, `millrace` for what the platform does by itself.
   */
  readonly name: string;
  /** Null for who has no key. */
  readonly role: Role | null;
  /** From where it was asked, as the server sees it; absent for what came by no connection. */
  readonly address?: string | undefined;
  /** Of the request that asked, as in the log. */
  readonly requestId?: string | undefined;
}

/** Who asks for something: the server's own key, one of those that were made, or a person. */
export interface Caller extends Actor {
  readonly role: Role;
  /** Nothing of other projects is there for them. */
  readonly projects: Projects;
}

/** What a process does because code says so, such as to define schedules when it starts. */
export const CODE: Actor = Object.freeze({ name: "code", role: null });

/** What the platform does by itself. */
export const MILLRACE: Actor = Object.freeze({ name: "millrace", role: null });

/** @throws MillraceError `forbidden` */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (may(caller.role, permission)) return;
  throw new MillraceError(
    "forbidden",
    `a ${kindOf(caller)} of the role ${caller.role} may not do this; it takes one of ${rolesThatMay(permission)}`,
  );
}

/**
 * What concerns the whole installation is not for who is confined to projects.
 *
 * @throws MillraceError `forbidden`
 */
export function requireWhole(caller: Caller): void {
  if (caller.projects === null) return;
  throw new MillraceError(
    "forbidden",
    `this concerns the whole installation, and the ${kindOf(caller)} is confined to ${projectsInWords(caller.projects)}; it takes one that is not`,
  );
}

/** What counts a caller, and keeps their idempotency keys, apart from others: names of keys are no more than names. None has brackets in it. */
export function placeOf({ name, projects }: Pick<Caller, "name" | "projects">): string {
  return projects === null ? name : `${name} (${projects.join(" ")})`;
}

/** Such as `project crm`, or `projects crm and shop`. */
function projectsInWords(projects: readonly string[]): string {
  const last = projects.slice(-1).join("");
  return projects.length === 1
    ? `project ${last}`
    : `projects ${projects.slice(0, -1).join(", ")} and ${last}`;
}

function kindOf({ name }: Caller): "person" | "key" {
  return name.startsWith("person:") ? "person" : "key";
}
