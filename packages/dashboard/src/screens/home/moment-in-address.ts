import {
  type Range,
  goingOn,
  inAddress,
  instant,
  instantIn,
  rangeOf,
} from "../../routing/range.ts";
import { go, place, withQuery } from "../../routing/router.ts";
import type { Overview } from "./overview.ts";

const MINUTE_MS = 60_000;

/** So much of before and after a minute is shown where the address says nothing else. */
const AROUND_MS = 30 * MINUTE_MS;

/** The beginning of the minute that the address says is looked at, in milliseconds; undefined for now. */
export function minuteIn(query: URLSearchParams): number | undefined {
  const at = instantIn(query, "at");
  return at === undefined ? undefined : Math.floor(at / MINUTE_MS) * MINUTE_MS;
}

/** The range that is shown with a minute: one that goes on with the time would leave it behind. */
export function rangeAround(range: Range | undefined, at: number | undefined): Range | undefined {
  if (at === undefined || (range && "from" in range)) return range;
  return { from: at - AROUND_MS, to: at + AROUND_MS };
}

/** To a minute of the time that is shown. Both stand in the address, so that a link leads to the same whenever it is opened. */
export function lookAt({ bars }: Pick<Overview, "bars">, at: number): void {
  const from = Date.parse(bars.at[0] ?? "");
  const shown = { from, to: from + bars.at.length * bars.seconds * 1000 };
  const range = rangeOf(place.peek().query);
  const still = range && "from" in range ? range : shown;
  go(withQuery({ ...inAddress(still), at: instant(at) }), "replace");
}

/** Back to now, and to the length of time that was looked at before. */
export function lookAtNow(): void {
  const range = rangeOf(place.peek().query);
  go(withQuery(inAddress(range && (goingOn(range) ?? range))), "replace");
}
