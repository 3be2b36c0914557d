import fc from "fast-check";

export interface TryOptions {
  /** How many cases. */
  runs: number;
  /** The same seed, the same cases. */
  seed: number;
  /** Begins no further portion after that time. */
  endAfterMs?: number;
}

/** Cases between two looks at the clock. */
const PORTION = 5;

/**
 * Asserts a property in portions, each of which takes the next seed: fast-check's own limit of time leaves the case that is
 * under way to go on beside the next.
 *
 * @returns how many cases were tried
 * @throws Error with the seed of the portion, the path of the case, and the smallest case that was found to fail
 */
export async function assertInPortions<Case>(
  property: fc.IAsyncProperty<Case>,
  { runs, seed, endAfterMs = Infinity }: TryOptions,
): Promise<number> {
  const begun = performance.now();
  let done = 0;
  while (done < runs && performance.now() - begun < endAfterMs) {
    const numRuns = Math.min(PORTION, runs - done);
    await fc.assert(property, { numRuns, seed: seed + done });
    done += numRuns;
  }
  return done;
}
