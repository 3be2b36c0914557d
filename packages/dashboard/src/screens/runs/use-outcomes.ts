import type { Overview } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { type Range, boundsOf, instant } from "../../routing/range.ts";

/** Nobody scrubs by the second: bars are as fresh as that. */
const EVERY_MS = 60_000;

/** All that counts are kept of: the server knows nothing of before, and ends them now. */
const FIRST = "1970-01-01T00:00:00Z";
const LAST = "9999-12-31T00:00:00Z";

/** How all runs ended in a stretch of time, as bars. */
export interface Outcomes {
  bars: Overview["bars"];
  /** The beginning of the first bar, and the end of what is looked at: within the last. */
  from: number;
  to: number;
}

/**
 * How runs ended in the time that is looked at; of any time, since the first that is known of.
 *
 * @param ready nothing is asked before
 * @returns undefined until it is known, and where it cannot be
 */
export function useOutcomes(range: Range | undefined, ready: boolean): Outcomes | undefined {
  const path = range ? pathOf(range) : overview({ since: FIRST, until: LAST });
  const all = useResource<Overview>(ready ? path : undefined, { everyMs: EVERY_MS });
  // Where the oldest are of yesterday, a month would show them in one bar.
  const first = range || all.old ? undefined : all.data && firstOf(all.data);
  const since = first && overview({ since: first, until: LAST });
  const near = useResource<Overview>(ready ? since : undefined, { everyMs: EVERY_MS });
  const { data, old } = since === undefined ? all : near;
  if (data === undefined || old || data.bars.at.length === 0) return undefined;
  const [from, now] = [Date.parse(data.bars.at[0]!), Date.parse(data.at)];
  const to = Math.min(now, range ? boundsOf(range, now).to : now);
  return from < to ? { bars: data.bars, from, to } : undefined;
}

function pathOf(range: Range): string {
  if ("preset" in range) return overview({ range: range.preset });
  return overview({ since: instant(range.from), until: instant(range.to) });
}

function overview(asked: Record<string, string>): string {
  return `/api/v1/overview?${new URLSearchParams(asked)}`;
}

/** The beginning of the first bar that has anything, where others are before it. */
function firstOf({ bars }: Overview): string | undefined {
  const index = bars.at.findIndex(
    (_, n) => (bars.completed[n] ?? 0) + (bars.failed[n] ?? 0) + (bars.cancelled[n] ?? 0) > 0,
  );
  return index > 0 ? bars.at[index] : undefined;
}
