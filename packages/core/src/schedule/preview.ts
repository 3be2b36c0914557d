import { END_OF_TIME } from "./instant.ts";
import { type Occurrence, occurrencesOf, type Rule } from "./rule.ts";
import { Zone } from "./zone.ts";

/** An occurrence to come, for people and programs. Instants are ISO 8601. */
export interface PreviewedOccurrence {
  /** When it fires. */
  at: string;
  /** The instant that the rule names: the same without jitter. */
  nominal: string;
  /** `at` by the clock of the zone, with its offset. */
  local: string;
  /** The wall time that the rule names. */
  wall: string;
  dst: Occurrence["dst"];
  /** What is odd about it, in words: a change of the clocks. */
  note: string | null;
  /** The blackout that it is skipped for, in words. */
  blackout: string | null;
}

/** The next occurrences after an instant, at the most `count`, before the year 10000. */
export function previewOccurrences(
  rule: Rule,
  name: string,
  after: number,
  count: number,
): PreviewedOccurrence[] {
  const next = occurrencesOf(rule, name);
  const zone = Zone.of(rule.timeZone);
  const found: PreviewedOccurrence[] = [];
  for (let occurrence = next(after); occurrence && found.length < count;) {
    if (occurrence.at >= END_OF_TIME) break;
    found.push(presented(occurrence, zone));
    occurrence = next(occurrence.nominal);
  }
  return found;
}

function presented(
  { nominal, at, wall, dst, blackout }: Occurrence,
  zone: Zone,
): PreviewedOccurrence {
  return {
    at: new Date(at).toISOString(),
    nominal: new Date(nominal).toISOString(),
    local: localText(at, zone),
    wall,
    dst,
    note: noteOf(dst, wall),
    blackout,
  };
}

function noteOf(dst: Occurrence["dst"], wall: string): string | null {
  const time = wall.slice(11).replace(/:00$/, "");
  if (dst === "gap") return `the clocks skip ${time}; it fires at the first instant after the gap`;
  if (dst === "first-of-two") return `the clocks show ${time} twice; this is the first time`;
  if (dst === "second-of-two") return `the clocks show ${time} twice; this is the second time`;
  return null;
}

/** Such as `2027-03-28T02:00:00+01:00`. */
function localText(instant: number, zone: Zone): string {
  const minutes = Math.round(zone.offsetAt(instant) / 60_000);
  const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return new Date(zone.wallAt(instant)).toISOString().slice(0, 19) + offset;
}
