import { carryBuckets, readRates } from "../store/buckets.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * Does what may change the rates of these jobs and queues. Time that has passed counts by the old rate, and what comes by the
 * new one; so a lowered rate holds at once, and a raised one gives nothing for the past.
 */
export async function changingRates<T>(
  tx: Queryable,
  { jobs = [], queues = [] }: { jobs?: string[]; queues?: string[] },
  change: () => Promise<T>,
): Promise<T> {
  const before = await readRates(tx, jobs, queues);
  const changed = await change();
  await carryBuckets(tx, JSON.stringify(before));
  return changed;
}
