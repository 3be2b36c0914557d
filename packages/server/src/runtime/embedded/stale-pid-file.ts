import { randomBytes } from "node:crypto";
import { lchownSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import type { Cluster } from "./cluster.ts";
import { pidFileOf, readPidFile } from "./pid-file.ts";
import type { PidFile } from "./pid-file.ts";
import { postgresProcessesIn, processState } from "./process-facts.ts";

/** No system gives out a pid this high (Linux ends at 4194304). */
const IMPOSSIBLE_PID = "4194399";
const GRACE_FOR_BACKENDS_MS = 10_000;

/**
 * Frees a data folder whose `postmaster.pid` names a zombie or another program, which PostgreSQL would take for a live
 * postmaster for ever. Only the pid in it is replaced: by the rest PostgreSQL still finds the shared memory of backends
 * that outlived their postmaster, and refuses to start beside them. Does nothing if the file has changed meanwhile.
 */
export async function neutralise(cluster: Cluster, stale: PidFile, why: string): Promise<void> {
  const { account, data, report } = cluster;
  await evictBackends(cluster, stale);
  if (readPidFile(data)?.text !== stale.text) return;
  const file = pidFileOf(data);
  const draft = `${file}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, stale.text.replace(/^-?\d+/, IMPOSSIBLE_PID), { flag: "wx", mode: 0o600 });
  if (account !== undefined) lchownSync(draft, account.uid, account.gid);
  renameSync(draft, file);
  report(`Took over the PostgreSQL data of a server that died: ${why}.`);
}

/**
 * Backends end by themselves when they notice that their postmaster is dead, unless they are deep in a computation.
 * Gives them ten seconds, then tells them to quit. Those of a server that starts meanwhile are not among the ones that
 * were counted while the file was stale.
 */
export async function evictBackends({ data, report }: Cluster, stale: PidFile): Promise<void> {
  const orphans = postgresProcessesIn(data).filter((pid) => pid !== stale.pid);
  if (readPidFile(data)?.text !== stale.text) return;
  const remaining = (): number[] => orphans.filter((pid) => processState(pid) === "running");
  for (let waited = 0; remaining().length > 0 && waited < GRACE_FOR_BACKENDS_MS; waited += 100)
    await pause(100);
  if (remaining().length === 0 || readPidFile(data)?.text !== stale.text) return;
  report(`Ending PostgreSQL backends that outlived their server (pid ${remaining().join(", ")}).`);
  for (const pid of remaining()) {
    try {
      process.kill(pid, "SIGQUIT");
    } catch {
      // it has just ended by itself
    }
  }
  for (let waited = 0; remaining().length > 0 && waited < GRACE_FOR_BACKENDS_MS; waited += 100)
    await pause(100);
}
