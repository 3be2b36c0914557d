import { setTimeout as pause } from "node:timers/promises";

import type { Cluster } from "./cluster.ts";
import { ensureRunning } from "./ensure-running.ts";
import type { EnsureOptions, Running } from "./ensure-running.ts";
import { Presence, isGoingDown } from "./presence.ts";
import { holdWatched } from "./watchdog.ts";
import type { WatchedHold } from "./watchdog.ts";

/** A running server in which we are present. */
export interface Membership {
  readonly running: Running;
  readonly presence: Presence;
  readonly hold: WatchedHold;
}

const PATIENCE_MS = 120_000;
const TRY_AGAIN_AFTER_MS = 60;

/**
 * Makes the server run and joins it, as one loop: between the two the last process of another run may stop it. `how`
 * tells the first of our deeds, so a server that we created and then had to start again still counts as created.
 */
export async function join(cluster: Cluster, options: EnsureOptions): Promise<Membership> {
  const until = performance.now() + PATIENCE_MS;
  let created = false;
  for (;;) {
    const running = await ensureRunning(cluster, options);
    created ||= running.how === "created";
    try {
      const presence = await Presence.join(running.connection);
      const hold = await holdOrLeave(cluster, running, presence);
      return { running: created ? { ...running, how: "created" } : running, presence, hold };
    } catch (error) {
      if (!isGoingDown(error) || performance.now() > until) throw error;
    }
    await pause(TRY_AGAIN_AFTER_MS);
  }
}

async function holdOrLeave(
  cluster: Cluster,
  running: Running,
  presence: Presence,
): Promise<WatchedHold> {
  try {
    return await presence.inTurn(() => holdWatched(cluster, running));
  } catch (error) {
    await presence.close();
    throw error;
  }
}
