import { MillraceError, type Projects, type Role } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import { type MintedKey, mintKey } from "../security/key-text.ts";
import { type ApiKeyRow, insertApiKey, replaceApiKey, revokeApiKey } from "../store/api-keys.ts";
import type { Database, Transaction } from "../store/database.ts";
import { asCaller } from "./as-caller.ts";
import { confinement } from "./confinement.ts";

/** A key as it was made. Its text is shown this once. */
export interface CreatedKey {
  row: ApiKeyRow;
  text: MintedKey["text"];
}

/** A key that is to be. */
export interface GivenKey {
  name: string;
  role: Role;
  /** Null for ever. */
  lifetimeMs: number | null;
  /** To which it is confined. Undefined for as far as who makes it: no key may do more. */
  projects?: Projects | undefined;
}

/** @throws MillraceError `forbidden`, `project_not_found` */
export function createApiKey(
  db: Database | Transaction,
  caller: Caller,
  { name, role, lifetimeMs, projects }: GivenKey,
): Promise<CreatedKey> {
  return asCaller(db, caller, "administer", "own", async (tx) => {
    const confined = await confinement(tx, caller, projects);
    const { id, text, digest } = mintKey();
    const { name: by } = caller;
    const [row] = await insertApiKey(tx, id, name, role, digest, by, lifetimeMs, confined);
    return { row: row!, text };
  });
}

/**
 * Makes a key of the same name, role and lifetime as another, which is valid for a while still: so that both work while those who use it change.
 *
 * @throws MillraceError `forbidden`, `key_not_found` when it is not there, or not valid, or was replaced already
 */
export function rotateApiKey(
  db: Database | Transaction,
  caller: Caller,
  old: string,
  overlapMs: number,
): Promise<CreatedKey> {
  return asCaller(db, caller, "administer", { key: old }, async (tx) => {
    const { id, text, digest } = mintKey();
    const [row] = await replaceApiKey(tx, old, id, digest, caller.name, overlapMs);
    if (row) return { row, text };
    throw new MillraceError(
      "key_not_found",
      `there is no valid key ${JSON.stringify(old)} that was not replaced already; GET /api/v1/keys lists them`,
    );
  });
}

/**
 * Servers that have seen it lately let it pass for some seconds more. To do it again changes nothing.
 *
 * @throws MillraceError `forbidden`, `key_not_found`
 */
export function revokeKey(db: Database, caller: Caller, id: string): Promise<ApiKeyRow> {
  return asCaller(db, caller, "administer", { key: id }, async (tx) => {
    const [row] = await revokeApiKey(tx, id, caller.name);
    if (row) return row;
    throw new MillraceError(
      "key_not_found",
      `there is no key ${JSON.stringify(id)}; GET /api/v1/keys lists them`,
    );
  });
}
