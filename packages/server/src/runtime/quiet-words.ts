/** Fewer than a screen of them: whoever wakes one looks at the list. */
const MOST = 3;

/**
 * Says of living workers that people have made them quiet, and how that ends.
 *
 * @param ids at least one
 * @param what they take, such as `from queue mail`
 */
export function quietText(ids: readonly number[], what: string): string {
  return ids.length === 1
    ? `worker ${ids[0]}, which takes ${what}, is quiet: it was asked to take nothing new`
    : `workers ${listed(ids)}, which take ${what}, are quiet: they were asked to take nothing new`;
}

/** Their numbers by what they take from. */
export function idsByQueue(
  workers: readonly { id: number; queues: readonly string[] }[],
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { id, queues } of workers) {
    for (const queue of queues) {
      const ids = found.get(queue);
      if (ids) ids.push(id);
      else found.set(queue, [id]);
    }
  }
  return found;
}

/** Of the first: the command takes one at a time. */
export function resumeCommand([first]: readonly number[]): string {
  return `millrace workers resume ${first}`;
}

function listed(ids: readonly number[]): string {
  if (ids.length > MOST) return `${ids.slice(0, MOST).join(", ")} and others`;
  return `${ids.slice(0, -1).join(", ")} and ${ids.at(-1)}`;
}
