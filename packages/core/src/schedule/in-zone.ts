import type { WallRule } from "./wall-rule.ts";
import type { Zone } from "./zone.ts";

/**
 * What a change of the clocks did to an occurrence:
 * - gap: the clocks skip its time; it fires at the first instant after the gap.
 * - first-of-two: the clocks show its time twice, and this is the first. A rule that does not name every hour leaves the second out.
 * - second-of-two: the second time, of a rule that names every hour.
 */
export type DstMark = "gap" | "first-of-two" | "second-of-two";

/** An instant at which a rule fires, and the wall time that it names. */
export interface Firing {
  readonly instant: number;
  readonly wall: number;
  readonly dst: DstMark | null;
}

/** The first firing after an instant; null when there is none. */
export function nextInZone(rule: WallRule, zone: Zone, after: number): Firing | null {
  return rule.everyHour ? byClock(rule, zone, after) : byName(rule, zone, after);
}

/** Once for each wall time that is named: at its instant, the first of two, or the end of the gap that it lies in. */
function byName(rule: WallRule, zone: Zone, after: number): Firing | null {
  let wall = zone.wallAt(after);
  for (;;) {
    const next = rule.next(wall);
    if (next === null) return null;
    const [first, second] = zone.instantsOf(next);
    const instant = first ?? zone.endOfGap(next);
    if (instant > after) {
      const dst = first === undefined ? "gap" : second === undefined ? null : "first-of-two";
      return { instant, wall: next, dst };
    }
    wall = next;
  }
}

/** Whenever the clock shows a wall time that is named: never for a skipped one, twice for one that comes twice. */
function byClock(rule: WallRule, zone: Zone, after: number): Firing | null {
  let from = after;
  // Just before `from`, so that it may be found itself.
  let wall = zone.wallAt(from);
  for (;;) {
    const next = rule.next(wall);
    if (next === null) return null;
    const instant = next - zone.offsetAt(from);
    const change = zone.changeWithin(from, instant);
    if (change === undefined) return { instant, wall: next, dst: markOf(zone, next, instant) };
    from = change;
    wall = zone.wallAt(from) - 1;
  }
}

function markOf(zone: Zone, wall: number, instant: number): DstMark | null {
  const instants = zone.instantsOf(wall);
  if (instants.length < 2) return null;
  return instants[0] === instant ? "first-of-two" : "second-of-two";
}
