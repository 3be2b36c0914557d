const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** When a run was accepted, by its id; undefined for what is no such id. */
function acceptedAt(id: string): number | undefined {
  const [, high, low] = UUID_V7.exec(id) ?? [];
  return high === undefined ? undefined : Number.parseInt(`${high}${low}`, 16);
}

/**
 * What became of a run that is not there, as far as its id tells: `gone` when it is so old that retention may have taken it, with the time from which on it may;
 * `never` when it would still be there.
 *
 * @param keptMs how long runs are kept after their end: the least of what the server and jobs say
 */
export function fateOf(
  id: string,
  { keptMs, now }: { keptMs: number | "forever"; now: number },
): { fate: "gone"; accepted: number; from: number } | { fate: "never" } {
  const accepted = acceptedAt(id);
  if (accepted === undefined || keptMs === "forever") return { fate: "never" };
  const from = accepted + keptMs;
  return from <= now ? { fate: "gone", accepted, from } : { fate: "never" };
}
