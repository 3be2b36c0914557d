import { spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";

import { asAccount } from "./child-process.ts";
import type { Cluster } from "./cluster.ts";
import { chooseEndpoint, serverArguments } from "./settings.ts";
import { removeSocketFolder } from "./socket-folder.ts";
import { onWindows, quoteForPgCtl, refuseWithoutVcRuntime } from "./windows.ts";

const LARGEST_LOG = 8 * 2 ** 20;
const TAIL_LINES = 12;

/** PostgreSQL's words (C locale) when another postmaster holds, or has just held, the data folder or the port. */
const LOST_RACE = new RegExp(
  [
    'lock file "postmaster\\.pid" already exists',
    "could not remove old lock file .*: No such file",
    "pre-existing shared memory block",
    "could not bind",
    "is in use",
  ].join("|"),
);

/** One try to start PostgreSQL, and how it went. */
export interface StartAttempt {
  /** Of the postmaster; undefined where pg_ctl starts it. */
  readonly pid: number | undefined;
  /** Undefined while the process runs. Throws `embedded_unavailable` when its exit names something to install. */
  end(): { lostRace: boolean; said: string } | undefined;
}

/**
 * Starts the server in a session of its own, so that Ctrl-C in our terminal does not reach it, and with a file, not a
 * pipe, for its log, so that it outlives us unharmed. Says nothing about whether it comes up.
 */
export async function startServer(cluster: Cluster): Promise<StartAttempt> {
  const endpoint = await chooseEndpoint(cluster);
  const args = serverArguments(cluster, endpoint);
  const log = openLog(cluster);
  const begin = fstatSync(log).size;
  const { account, binaries, data, home } = cluster;
  const [program, words] = onWindows
    ? [
        binaries.pgCtl,
        ["start", "-w", "-D", data, "-l", cluster.log, "-o", quoteForPgCtl(args.slice(2))],
      ]
    : [binaries.postgres, args];
  const child = spawn(program, words, {
    ...asAccount(account, binaries.environment),
    cwd: home,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.unref();
  let failure: string | undefined;
  child.on("error", (error) => (failure = error.message));

  return {
    pid: onWindows ? undefined : child.pid,
    end: () => {
      if (failure === undefined && child.exitCode === null && child.signalCode === null)
        return undefined;
      refuseWithoutVcRuntime(child.exitCode);
      if ("socketFolder" in endpoint) removeSocketFolder(cluster, endpoint.socketFolder);
      const said = failure ?? tail(cluster.log, begin);
      return { lostRace: LOST_RACE.test(said), said };
    },
  };
}

/** Root opens a file here in a folder of the unprivileged account: it must not follow a link that lies in its place. */
function openLog({ account, log }: Cluster): number {
  if (existsSync(log) && statSync(log).size > LARGEST_LOG) renameSync(log, `${log}.old`);
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
  const handle = openSync(log, O_APPEND | O_CREAT | O_WRONLY | (O_NOFOLLOW ?? 0), 0o600);
  if (account !== undefined) fchownSync(handle, account.uid, account.gid);
  return handle;
}

function tail(log: string, from: number): string {
  const text = readFileSync(log).subarray(from).toString();
  return text.trim().split("\n").slice(-TAIL_LINES).join("\n");
}
