import { setTimeout as pause } from "node:timers/promises";

import { runTool } from "./child-process.ts";
import type { Cluster } from "./cluster.ts";
import { processState } from "./process-facts.ts";
import { onWindows } from "./windows.ts";

/** A fast shutdown writes a checkpoint first, which a slow disk can make long. */
const PATIENCE_MS = 60_000;
const LOOK_AGAIN_AFTER_MS = 10;

/**
 * Fast shutdown: sessions are cut off, open transactions rolled back, a checkpoint written; 70 ms when idle. (SIGTERM
 * would wait for every session to leave by itself.) False when the server still runs after a minute. Never kills.
 */
export async function stopServer(cluster: Cluster, pid: number): Promise<boolean> {
  if (onWindows) return stopByTool(cluster);
  try {
    process.kill(pid, "SIGINT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  const until = performance.now() + PATIENCE_MS;
  while (processState(pid) === "running") {
    if (performance.now() > until) return false;
    await pause(LOOK_AGAIN_AFTER_MS);
  }
  return true;
}

async function stopByTool({ account, binaries, data, home }: Cluster): Promise<boolean> {
  const { code } = await runTool(binaries.pgCtl, ["stop", "-m", "fast", "-w", "-D", data], {
    account,
    environment: binaries.environment,
    cwd: home,
  });
  return code === 0;
}
