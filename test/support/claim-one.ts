import { Claimer } from "millrace";
import type { Mill } from "./mill.ts";

/** A run that a worker holds, and by which lease. */
export interface Held {
  run: string;
  lease: number;
  worker: number;
}

/** Claims the next run of a job, for a worker that is a row only. */
export async function claimOne(mill: Mill, job = "any"): Promise<Held> {
  const worker = await mill.workerRow();
  const [row] = await new Claimer(mill.db, worker, ["default"], [job]).claim(1);
  return { run: row!.id, lease: row!.leaseId, worker };
}
