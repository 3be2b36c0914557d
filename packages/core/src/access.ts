/** What an API key, or a person, is for. The later of the first four may all that the earlier may; a worker's key is for programs. */
export const ROLES = ["viewer", "operator", "editor", "admin", "worker"] as const;

export type Role = (typeof ROLES)[number];

/** Of people. */
export const PERSON_ROLES = ["viewer", "operator", "editor", "admin"] as const;

export type PersonRole = (typeof PERSON_ROLES)[number];

const PEOPLE = PERSON_ROLES;

/** What may be done over the API, and by whom: a role that is not named may not. Every route needs one of these. */
export const PERMISSIONS = {
  /** Look at everything but keys and secrets. */
  read: PEOPLE,
  /** Look at what becomes of one run, whose id one has. */
  follow: [...PEOPLE, "worker"],
  /** Ask for runs, and send events and signals. */
  start: ["operator", "editor", "admin", "worker"],
  /** Act on runs that are there, pause and limit what starts, answer for people. */
  operate: ["operator", "editor", "admin"],
  /** Change what starts by itself. */
  edit: ["editor", "admin"],
  /** Make and revoke keys, add and disable people, set and remove secrets. */
  administer: ["admin"],
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof PERMISSIONS;

/** The projects to which a caller is confined; null for the whole installation. */
export type Projects = readonly string[] | null;

/** It is always there, and has what nobody has put elsewhere. */
export const DEFAULT_PROJECT = "default";

export function may(role: Role, permission: Permission): boolean {
  return (PERMISSIONS[permission] as readonly Role[]).includes(role);
}

/** Roles that a person may be asked to have at the least. */
export const APPROVING_ROLES = ["operator", "editor", "admin"] as const;

export type ApprovingRole = (typeof APPROVING_ROLES)[number];

export function isAtLeast(role: Role, least: ApprovingRole): boolean {
  return PEOPLE.indexOf(role as (typeof PEOPLE)[number]) >= PEOPLE.indexOf(least);
}

/** The roles that may, as words: "operator, editor or admin". */
export function rolesThatMay(permission: Permission): string {
  const roles: readonly Role[] = PERMISSIONS[permission];
  return [roles.slice(0, -1).join(", "), ...roles.slice(-1)].filter(Boolean).join(" or ");
}
