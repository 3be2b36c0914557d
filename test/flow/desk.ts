import { Claimer, type Outcome } from "millrace";
import type { Mill } from "../support/mill.ts";

export type Claimed = Awaited<ReturnType<Claimer["claim"]>>[number];

/** A claimer with a worker's row of its own. */
export async function claimer(
  mill: Mill,
  queues: readonly string[] = ["default"],
  jobs = mill.registry.names,
): Promise<{ worker: number; claims: Claimer }> {
  const worker = await mill.workerRow();
  return { worker, claims: new Claimer(mill.db, worker, queues, jobs) };
}

/** Claims until nothing more comes, or `free` slots are taken. */
export async function all(claims: Claimer, free = 100): Promise<Claimed[]> {
  const taken: Claimed[] = [];
  while (taken.length < free) {
    const runs = await claims.claim(free - taken.length);
    if (runs.length === 0) break;
    taken.push(...runs);
  }
  return taken;
}

/** Outcomes of runs that completed without an output. */
export function complete(runs: readonly { leaseId: number; id: string }[]): Outcome[] {
  return runs.map(({ leaseId, id }) => ({ leaseId, runId: id, verdict: "complete", output: null }));
}
