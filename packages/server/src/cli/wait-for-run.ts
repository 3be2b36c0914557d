import { setTimeout as pause } from "node:timers/promises";
import { MillraceError, isFinal } from "@millrace/core";
import { Run } from "@millrace/core/api";
import { type ApiClient, segment } from "./api-client.ts";

/** A server that restarts is waited for; one that stays away is not. */
const AWAY_MS = 30_000;

/**
 * Asks until the run has finished; of one that is continued as a new one, the last of its chain.
 *
 * @returns undefined when it has not after `timeoutMs`
 * @throws the signal's reason when it is aborted; MillraceError when the server refuses, or stays away for 30 s
 */
export async function waitForRun(
  api: ApiClient,
  first: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Run | undefined> {
  const since = performance.now();
  let id = first;
  let answeredAt = since;
  for (let restMs = 50; ; restMs = Math.min(restMs * 1.5, 1000)) {
    try {
      const run = await api.get(`runs/${segment(id)}`, Run);
      if (isFinal(run.state) && run.continuedAs === null) return run;
      id = run.continuedAs ?? id;
      answeredAt = performance.now();
    } catch (error) {
      const away = error instanceof MillraceError && error.code === "server_unreachable";
      if (!away || performance.now() - answeredAt > AWAY_MS) throw error;
    }
    const leftMs = timeoutMs - (performance.now() - since);
    if (leftMs <= 0) return undefined;
    await pause(Math.min(restMs, leftMs), undefined, { signal });
  }
}
