import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";

import { MillraceError } from "@millrace/core";

import { ownerUid, weAreRoot } from "./account.ts";
import type { Account } from "./account.ts";

/**
 * Creates the missing folders above something private. They need to let the database's account pass when root makes
 * them (0711), and nobody else otherwise (0700). Existing ones are left as they are.
 */
export function createParents(folder: string): void {
  const parent = path.dirname(folder);
  if (isThere(parent)) return;
  createParents(parent);
  const mode = weAreRoot() ? 0o711 : 0o700;
  mkdirSync(parent, { mode, recursive: true });
  chmodSync(parent, mode); // whatever the umask
}

/**
 * Creates `folder` with 0700 for the database's account, or makes sure that the existing one is just that. A symbolic
 * link or a folder of somebody else in its place is refused; only an empty folder of root's (a fresh volume, or a
 * start that was killed between the two calls) is handed over. Throws `embedded_unavailable`.
 */
export function createPrivateFolder(folder: string, account: Account | undefined): void {
  createParents(folder);
  let created = true;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    created = false;
  }
  const found = lstatSync(folder);
  if (!found.isDirectory()) {
    throw new MillraceError("embedded_unavailable", `${folder} is in the way: it is not a folder.`);
  }
  const owner = ownerUid(account);
  if (owner === undefined) return;
  if (account !== undefined && (created || (found.uid === 0 && readdirSync(folder).length === 0))) {
    lchownSync(folder, account.uid, account.gid); // never follows a link that somebody put there meanwhile
  } else if (found.uid !== owner) {
    throw belongsToOther(folder, found.uid, owner);
  }
  if ((found.mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
}

export function belongsToOther(folder: string, uid: number, ours: number): MillraceError {
  return new MillraceError(
    "embedded_unavailable",
    `${folder} belongs to uid ${uid}, and the database would run as uid ${ours}. Start Millrace as the user that created ` +
      `it (or as root), or set DATABASE_URL.`,
  );
}

/** Also true for a dangling link, and when something is there that we may not look into. */
export function isThere(file: string): boolean {
  try {
    lstatSync(file);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES";
  }
}
