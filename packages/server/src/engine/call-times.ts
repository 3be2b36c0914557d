/** What calls to hosts are counted by, in seconds: so many took at the most so long, and the rest longer. */
export const CALL_BOUNDS_S = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** Which of the counts a call belongs to. */
export function callBucket(seconds: number): number {
  const place = CALL_BOUNDS_S.findIndex((bound) => seconds <= bound);
  return place === -1 ? CALL_BOUNDS_S.length : place;
}

/**
 * What nineteen calls of twenty took at the most, in seconds; as if those of a count were spread evenly within it. What took longer than all
 * bounds is told as the last of them.
 */
export function percentile95(counts: readonly number[]): number {
  const rank = 0.95 * counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [place, bound] of CALL_BOUNDS_S.entries()) {
    const count = counts[place] ?? 0;
    if (count > 0 && below + count >= rank) {
      const least = CALL_BOUNDS_S[place - 1] ?? 0;
      return least + ((bound - least) * (rank - below)) / count;
    }
    below += count;
  }
  return CALL_BOUNDS_S.at(-1)!;
}
