import { isName } from "@millrace/core";

/** A queue of the largest weight gets a slot that often before one of weight 1 gets its first. */
const MAX_WEIGHT = 1000;

/** How to write them, for whoever has not. */
export const WEIGHTS_HINT = `write names of queues with commas between them, each once, and after a name = and a weight of 1 to ${MAX_WEIGHT} where it should get more than its share, such as urgent=5,default`;

/**
 * Queues with their weights, as in `urgent=5,default`: how often each gets the first choice of free slots, compared with
 * the others. A bare name weighs 1. Undefined when the list cannot be read.
 */
export function readWeights(items: readonly string[]): ReadonlyMap<string, number> | undefined {
  const weights = new Map<string, number>();
  for (const item of items) {
    const [name = "", weight = "1", ...more] = item.split("=").map((part) => part.trim());
    const value = /^\d{1,4}$/.test(weight) ? Number(weight) : 0;
    const good = isName(name) && value >= 1 && value <= MAX_WEIGHT && more.length === 0;
    if (!good || weights.has(name)) return undefined;
    weights.set(name, value);
  }
  return weights.size > 0 ? weights : undefined;
}

/** The same for people: `urgent (5), default`. */
export function weightsInWords(weights: ReadonlyMap<string, number>): string {
  return [...weights]
    .map(([name, weight]) => (weight === 1 ? name : `${name} (${weight})`))
    .join(", ");
}
