import { type Permission, type Role, may, rolesThatMay } from "@millrace/core";
import { useResource } from "./resource.ts";

export interface Identity {
  name: string;
  role: Role;
  projects: readonly string[] | null;
}

/** Who looks; undefined until the server has said so. */
export function useIdentity(): Identity | undefined {
  return useResource<Identity>("/api/v1/keys/me", { everyMs: 60_000 }).data;
}

/**
 * Why somebody may not do this, in words; undefined for who may, and until it is known who looks. It is a service to them and no guard: the
 * server decides.
 */
export function useRefusal(permission: Permission): string | undefined {
  const me = useIdentity();
  if (!me || may(me.role, permission)) return undefined;
  return `This takes the role ${rolesThatMay(permission)}; yours is ${me.role}.`;
}
