import { setTimeout as pause } from "node:timers/promises";

import { MillraceError } from "@millrace/core";

import type { Cluster } from "./cluster.ts";
import { createDataFolder, hasUsableData } from "./data-folder.ts";
import { observe } from "./observe.ts";
import type { Observation } from "./observe.ts";
import { neutralise } from "./stale-pid-file.ts";
import { StartTurn } from "./start-turn.ts";
import { Starts } from "./starts.ts";
import { Waiting } from "./waiting.ts";

const LOOK_AGAIN_AFTER_MS = 40;
/** Dead servers are usually reaped at once, and ending ones take their socket and pid file away one after the other. */
const LASTING_MS = 400;

export type Running = Extract<Observation, { state: "serving" }> & {
  readonly how: "created" | "started" | "adopted";
};

export interface EnsureOptions {
  /** False while somebody works on the data: a new, empty folder would not be what they had. */
  readonly mayCreate: boolean;
  /** Ends the waiting where nothing of ours has been started yet; rejects with its reason then. */
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that a server runs on the cluster's data, from any state, and from any number of processes at once.
 * PostgreSQL's own lock on the data folder decides who starts it; everybody else finds that server and adopts it.
 * Throws `embedded_failed`, with the end of PostgreSQL's log, when it does not come up.
 */
export async function ensureRunning(cluster: Cluster, options: EnsureOptions): Promise<Running> {
  const created = options.mayCreate ? await createDataFolder(cluster) : mustHaveData(cluster);
  const turn = new StartTurn(cluster.home);
  try {
    return await untilServing(cluster, { created, turn, signal: options.signal });
  } finally {
    turn.giveBack();
  }
}

async function untilServing(
  cluster: Cluster,
  { created, turn, signal }: { created: boolean; turn: StartTurn; signal: AbortSignal | undefined },
): Promise<Running> {
  const waiting = new Waiting(cluster);
  const starts = new Starts(cluster);
  for (;;) {
    const mayChange = turn.held; // only who had the turn before looking may act on what it sees
    const seen = await observe(cluster);
    if (seen.state === "serving") {
      const how = starts.started(seen.pid) ? (created ? "created" : "started") : "adopted";
      return { ...seen, how };
    }
    if (!starts.underWay) signal?.throwIfAborted();
    waiting.note(seen);

    if (seen.state === "free" || seen.state === "stale") {
      if (!mayChange && turn.tryTake()) continue;
    } else {
      turn.giveBack();
    }
    const lasting = waiting.sameForMs > LASTING_MS;
    if (seen.state === "free" && mayChange) await starts.advance();
    if (seen.state === "stale" && mayChange && lasting) {
      await neutralise(cluster, seen.file, seen.why);
    }
    if (seen.state === "deaf" && lasting) {
      waiting.once(`deaf ${seen.pid}`, () => endDeaf(cluster, seen.pid));
    }
    await pause(LOOK_AGAIN_AFTER_MS);
  }
}

function mustHaveData(cluster: Cluster): false {
  if (hasUsableData(cluster)) return false;
  throw new MillraceError(
    "embedded_failed",
    `The data folder ${cluster.data} has disappeared while Millrace was working on it. Put it back, or start Millrace anew.`,
  );
}

function endDeaf({ report }: Cluster, pid: number): void {
  report(`PostgreSQL (pid ${pid}) runs, but its socket has been deleted: restarting it.`);
  try {
    process.kill(pid, "SIGINT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
