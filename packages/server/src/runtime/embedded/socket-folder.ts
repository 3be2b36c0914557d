import { createHash, randomBytes } from "node:crypto";
import { lstatSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";

import { ownerUid } from "./account.ts";
import type { Account } from "./account.ts";
import type { Cluster } from "./cluster.ts";
import { readPidFile } from "./pid-file.ts";
import { createPrivateFolder } from "./private-folder.ts";

/** The room for a socket's path on Linux is 107 bytes, on macOS 103. */
const LONGEST_SOCKET_PATH = 103;
const ABANDONED_AFTER_MS = 10 * 60_000;

/**
 * A new folder for the sockets of one start, 0700. Never an old one: after a kill -9 the lock file of the dead server's
 * socket refused every start for as long as the dead postmaster was not reaped. Clients learn the folder from
 * `postmaster.pid`.
 */
export function createSocketFolder(cluster: Cluster): string {
  const base = socketBase(cluster.home, cluster.account);
  createPrivateFolder(base, cluster.account);
  sweep(base, readPidFile(cluster.data)?.socketFolder);
  const folder = path.join(base, randomBytes(3).toString("hex"));
  createPrivateFolder(folder, cluster.account);
  return folder;
}

/** Removes the folder of a start that has ended; what is not in our base is not ours. */
export function removeSocketFolder(cluster: Cluster, folder: string): void {
  if (path.dirname(folder) !== socketBase(cluster.home, cluster.account)) return;
  rmSync(folder, { recursive: true, force: true });
}

/** `<home>/run`, or a private folder in /tmp where that would be too long. (A fixed one: TMPDIR differs between processes.) */
function socketBase(home: string, account: Account | undefined): string {
  const beside = path.join(home, "run");
  if (Buffer.byteLength(path.join(beside, "abcdef", ".s.PGSQL.5432")) < LONGEST_SOCKET_PATH)
    return beside;
  const hash = createHash("sha256").update(home).digest("hex").slice(0, 12);
  return path.join("/tmp", `millrace-${ownerUid(account)}-${hash}`);
}

/** Young folders may belong to a start that is under way. */
function sweep(base: string, inUse: string | undefined): void {
  for (const name of readdirSync(base)) {
    const folder = path.join(base, name);
    if (folder === inUse) continue;
    const age = Date.now() - (lstatSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) rmSync(folder, { recursive: true, force: true });
  }
}
