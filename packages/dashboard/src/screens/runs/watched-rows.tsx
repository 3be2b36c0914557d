import type { RunPage, RunSummary } from "@millrace/core/api";
import type { ReadonlySignal, Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { KeysetList } from "../../data/keyset-list.ts";
import { useLiveRuns } from "../../data/live.ts";

/** Who scrolls asks for nothing: only what stays in sight for so long is watched. */
const SETTLE_MS = 200;

/**
 * Has the rows of a list that are on the screen changed in place as their runs change, and says of when they are. It draws nothing.
 *
 * @param shown from which row to before which
 * @param seen is told when the first of them was accepted
 */
export function WatchedRows({
  list,
  shown,
  seen,
}: {
  list: KeysetList<RunSummary, RunPage>;
  shown: ReadonlySignal<readonly [number, number]>;
  seen: Signal<number | undefined>;
}) {
  const [from, to] = shown.value;
  const runs = Array.from({ length: to - from }, (_, n) => list.row(from + n) ?? []).flat();
  const ids = runs.map(({ id }) => id);
  const first = runs[0] && Date.parse(runs[0].createdAt);
  const [watched, setWatched] = useState<readonly string[]>([]);
  useEffect(() => {
    const settle = () => {
      setWatched(ids);
      seen.value = first;
    };
    const timer = setTimeout(settle, watched.length === 0 ? 0 : SETTLE_MS);
    return () => clearTimeout(timer);
  }, [ids.join(), first]);
  useLiveRuns(watched, (changed) => list.take(changed));
  return null;
}
