/** Lengths that end now. */
export const PRESETS = ["1h", "6h", "24h", "7d"] as const;

type Preset = (typeof PRESETS)[number];

const HOUR_MS = 3_600_000;
const LENGTH_MS = { "1h": 1, "6h": 6, "24h": 24, "7d": 168 } as const satisfies Record<
  Preset,
  number
>;

/** A stretch of time that is looked at: one that ends now, and goes on with it, or one that stands still. Instants are milliseconds. */
export type Range = { preset: Preset } | { from: number; to: number };

/** No run is older, and no instant of the API is later. */
const FIRST = 0;
const LAST = Date.UTC(9999, 11, 31);

/** What stands in the address, so that every screen that has a range has the same one; undefined where none is chosen, or none can be read. */
export function rangeOf(query: URLSearchParams): Range | undefined {
  const preset = PRESETS.find((one) => one === query.get("range"));
  if (preset) return { preset };
  const [from, to] = ["from", "to"].map((name) => Date.parse(query.get(name) ?? ""));
  return from! >= FIRST && from! < to! && to! <= LAST ? { from: from!, to: to! } : undefined;
}

/** Where in it a list begins, which shows what is older: an instant in the address too; undefined for the newest. */
export function beforeOf(query: URLSearchParams): number | undefined {
  return instantIn(query, "before");
}

/** An instant that stands in the address, in milliseconds; undefined where none does, or none of which there can be a run. */
export function instantIn(query: URLSearchParams, name: string): number | undefined {
  const at = Date.parse(query.get(name) ?? "");
  return at >= FIRST && at <= LAST ? at : undefined;
}

/** As `withQuery` takes it. Another range is looked at from its end; a minute that was looked at within one is left with it. */
export function inAddress(range: Range | undefined): Record<string, string | undefined> {
  const none = {
    range: undefined,
    from: undefined,
    to: undefined,
    before: undefined,
    at: undefined,
  };
  if (range === undefined) return none;
  if ("preset" in range) return { ...none, range: range.preset };
  return { ...none, from: instant(range.from), to: instant(range.to) };
}

/** As many seconds as it has, and no fraction: it is read by people. */
export function instant(ms: number): string {
  return new Date(Math.round(ms / 1000) * 1000).toISOString().replace(".000", "");
}

/** From when until when, now. */
export function boundsOf(range: Range, now: number): { from: number; to: number } {
  return "preset" in range
    ? { from: now - LENGTH_MS[range.preset] * HOUR_MS, to: now }
    : { from: range.from, to: range.to };
}

/** What ends so small a part of its length ago ends now: somebody has gone back, looked, and comes again. */
const NEARLY = 20;

/** Earlier or later by its own length. Where it would reach beyond now, it ends now, and one of a usual length goes on from there. */
export function moved(range: Range, by: -1 | 1, now: number): Range {
  const { from, to } = boundsOf(range, now);
  const length = to - from;
  if (to + by * length < now - length / NEARLY) {
    // Before the first there is nothing to go to.
    if (to + by * length <= FIRST) return range;
    return { from: Math.max(FIRST, from + by * length), to: to + by * length };
  }
  return goingOn(range) ?? { from: Math.max(FIRST, now - length), to: now };
}

/** One of a usual length that ends now; undefined for an odd one. */
export function goingOn(range: Range): Range | undefined {
  if ("preset" in range) return range;
  const length = range.to - range.from;
  const preset = PRESETS.find((one) => Math.abs(LENGTH_MS[one] * HOUR_MS - length) < 1000);
  return preset && { preset };
}
