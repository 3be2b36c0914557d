/**
 * The places nearest to those that are wanted, by the sum of squares, of which each is at least so far right of the one before: neighbours that
 * want the same place share it around their mean (pool adjacent violators, Ayer and others 1955).
 *
 * @param apart of each the least distance from the one before; that of the first means nothing
 */
export function nearestInOrder(wanted: readonly number[], apart: readonly number[]): number[] {
  let offset = 0;
  // Without the distances, all that is asked is that none is left of the one before.
  const offsets = apart.map((distance, index) => (offset += index === 0 ? 0 : distance));
  const pools: { sum: number; count: number }[] = [];
  for (const [index, place] of wanted.entries()) {
    let pool = { sum: place - offsets[index]!, count: 1 };
    for (let last = pools.at(-1); last && mean(last) > mean(pool); last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
    }
    pools.push(pool);
  }
  return pools
    .flatMap((pool) => Array.from({ length: pool.count }, () => mean(pool)))
    .map((place, index) => place + offsets[index]!);
}

function mean({ sum, count }: { sum: number; count: number }): number {
  return sum / count;
}
