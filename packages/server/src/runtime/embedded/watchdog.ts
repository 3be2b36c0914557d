import { spawn } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { asAccount, runTool, toolEnvironment } from "./child-process.ts";
import type { Cluster } from "./cluster.ts";
import type { Running } from "./ensure-running.ts";
import { onWindows } from "./windows.ts";

const GRACE_TENTHS = 50;
const ENDS_WITHIN_MS = 3_000;

/**
 * Arguments: pid file, pid of the postmaster, tenths of a second of grace; standard input: the FIFO. `cat` ends when
 * the last process that held the FIFO open is gone, however it went. Newcomers write a line when they open it, so a line
 * after the grace means that somebody came meanwhile. In short slices, so that nothing of it outlives a clean end.
 */
const SCRIPT = `
serving() { read -r pid < "$1" && [ "$pid" = "$2" ]; } 2> /dev/null
grace() {
  left=$3
  while [ "$left" -gt 0 ] && serving "$@"; do sleep 0.1 || sleep 1; left=$((left - 1)); done
  serving "$@"
}
cat > /dev/null
while grace "$@" && read -r newcomer; do cat > /dev/null; done
serving "$@" && kill -INT "$2"
`;

/** Our hold on the FIFO beside the server's socket: as long as one process has one, the watchdog lets the server run. */
export interface WatchedHold {
  /** Lets go; the kernel does the same when we are killed. */
  letGo(): void;
  /** After the server has stopped: resolves when its watchdog has ended too, after three seconds at the latest. */
  watchdogEnded(): Promise<void>;
}

const NOTHING_TO_HOLD: WatchedHold = { letGo: () => {}, watchdogEnded: async () => {} };

/**
 * Takes hold of the server's FIFO, and starts the watchdog if the server has none: it shuts an orphaned server down five
 * seconds after the last Millrace process died, by kill -9 for one. To be called by one process at a time. Without it
 * (Windows, a server in another container, no mkfifo) an orphan runs until the next start adopts it.
 */
export async function holdWatched(cluster: Cluster, running: Running): Promise<WatchedHold> {
  if (onWindows) return NOTHING_TO_HOLD;
  const fifo = path.join(running.socketFolder, "holders");
  const held =
    openForWriting(fifo) ??
    (running.local ? await startWatchdog(cluster, running, fifo) : undefined);
  if (held === undefined) return NOTHING_TO_HOLD;
  writeSync(held, "\n");
  return asHold(held, fifo);
}

/** Undefined when the FIFO does not exist, or nobody reads from it. */
function openForWriting(fifo: string): number | undefined {
  try {
    return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENXIO") return undefined;
    throw error;
  }
}

async function startWatchdog(
  cluster: Cluster,
  running: Running,
  fifo: string,
): Promise<number | undefined> {
  const { account, report } = cluster;
  const tool = { account, environment: toolEnvironment, cwd: "/" };
  const made = await runTool("mkfifo", ["-m", "600", fifo], tool);
  if (made.code !== 0 && !made.output.includes("exists")) {
    report(
      `No watchdog for PostgreSQL (${made.output}): if Millrace is killed, it runs on until the next start.`,
    );
    return undefined;
  }
  // Opening one end blocks until the other is open, unless told not to; the watchdog needs an end that does block.
  const opener = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const held = openForWriting(fifo);
  const watched = openSync(fifo, constants.O_RDONLY);
  closeSync(opener);
  const pidFile = path.join(cluster.data, "postmaster.pid");
  const child = spawn(
    "/bin/sh",
    ["-c", SCRIPT, "millrace-watchdog", pidFile, String(running.pid), String(GRACE_TENTHS)],
    { ...asAccount(account), cwd: "/", detached: true, stdio: [watched, "ignore", "ignore"] },
  );
  child.on("error", (error) => report(`No watchdog for PostgreSQL: ${error.message}.`));
  child.unref();
  closeSync(watched);
  return held;
}

function asHold(held: number, fifo: string): WatchedHold {
  let open = true;
  return {
    letGo() {
      if (open) closeSync(held);
      open = false;
    },
    async watchdogEnded() {
      for (let waited = 0; waited < ENDS_WITHIN_MS; waited += 10) {
        const probe = openForWriting(fifo); // fails once nobody reads any more
        if (probe === undefined) return;
        closeSync(probe);
        await pause(10);
      }
    },
  };
}
