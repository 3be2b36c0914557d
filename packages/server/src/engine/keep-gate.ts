import { forgetPaces } from "../store/explain.ts";
import {
  endPauses,
  expireDue,
  fileParcels,
  forgetBuckets,
  forgetCollapsed,
  markStragglers,
  openLanes,
} from "../store/gate.ts";
import type { Queryable } from "../store/statement.ts";

/** Parcels that one statement files: some 10 ms of work for parcels of one run, more for full ones. */
const FILE_BATCH = 500;

export interface GateKept {
  filed: number;
  expired: number;
}

/**
 * Files what came in for the gate, and cancels what has not started in time.
 *
 * @param onPart called after each of many parts
 */
export async function keepGate(db: Queryable, onPart: () => void = () => {}): Promise<GateKept> {
  const kept = { filed: 0, expired: 0 };
  for (;;) {
    const [row] = await fileParcels(db, FILE_BATCH);
    kept.filed += row?.filed ?? 0;
    onPart();
    if ((row?.filed ?? 0) < FILE_BATCH) break;
  }
  for (;;) {
    const [row] = await expireDue(db);
    kept.expired += row?.expired ?? 0;
    onPart();
    if ((row?.due ?? 0) < 5000) return kept;
  }
}

/** What the moment may have left behind. @returns the queues that have room again */
export async function tidyGate(db: Queryable): Promise<string[]> {
  await markStragglers(db);
  await endPauses(db);
  await forgetCollapsed(db);
  await forgetBuckets(db);
  await forgetPaces(db);
  return (await openLanes(db)).map((row) => row.queue);
}
