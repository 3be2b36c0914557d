/** A stop of a layer, as far as crossings depend on it. */
interface Placed {
  order: number;
  below: readonly { order: number }[];
}

/** How often links between layers cross. Two cross where one begins further left and ends further right than the other. */
export function crossings(layers: readonly (readonly Placed[])[]): number {
  return layers.reduce((sum, layer, rank) => {
    const ends = layer.flatMap(({ below }) =>
      below.map(({ order }) => order).toSorted((a, b) => a - b),
    );
    return sum + inversions(ends, layers[rank + 1]?.length ?? 0);
  }, 0);
}

/** How many pairs of numbers below `size` stand in the wrong order: by a tree of sums (Fenwick 1994), which each number passes once. */
function inversions(numbers: readonly number[], size: number): number {
  const sums = Array.from({ length: size + 1 }, () => 0);
  let found = 0;
  for (const [count, number] of numbers.entries()) {
    let before = 0;
    for (let at = number + 1; at > 0; at -= at & -at) before += sums[at]!;
    found += count - before;
    for (let at = number + 1; at <= size; at += at & -at) sums[at]!++;
  }
  return found;
}
