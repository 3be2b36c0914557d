import { MillraceError } from "../errors.ts";

const DAY = 86_400_000;

/** From `at` on, the clocks of a zone are `offset` milliseconds ahead of UTC. */
interface Stretch {
  readonly at: number;
  readonly offset: number;
}

/**
 * A time zone of the IANA database, as the runtime knows it. Wall times are milliseconds as if the zone's clock showed
 * UTC: `Date.UTC(2027, 2, 28, 1, 30)` is half past one on 28 March, wherever that is.
 */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  /** By UTC year. Asking the runtime takes 2 µs, so each year is asked for once. */
  readonly #years = new Map<number, readonly Stretch[]>();

  private constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name;
    this.#format = format;
  }

  static readonly #known = new Map<string, Zone>();

  /** @throws MillraceError `invalid_schedule` */
  static of(name: string): Zone {
    const known = Zone.#known.get(name);
    if (known) return known;
    // Offsets such as +01:00 are taken by some runtimes and refused by others, and know no summer.
    if (typeof name !== "string" || !/^[A-Za-z]/.test(name)) throw unknownZone(name);
    try {
      const format = new Intl.DateTimeFormat("en-US", {
        timeZone: name,
        timeZoneName: "longOffset",
      });
      const zone = new Zone(name, format);
      Zone.#known.set(name, zone);
      return zone;
    } catch {
      throw unknownZone(name);
    }
  }

  /** Milliseconds that its clocks are ahead of UTC at an instant. */
  offsetAt(instant: number): number {
    return this.#stretchAt(instant).offset;
  }

  wallAt(instant: number): number {
    return instant + this.offsetAt(instant);
  }

  /** The first instant after `from`, up to and with `until`, at which its clocks change. */
  changeWithin(from: number, until: number): number | undefined {
    const last = yearOf(until);
    for (let year = yearOf(from); year <= last; year++) {
      const found = this.#year(year).find(({ at }, index) => index > 0 && at > from);
      if (found) return found.at <= until ? found.at : undefined;
    }
    return undefined;
  }

  /** The instants at which its clocks show a wall time: one; none in a gap; two in an overlap, the earlier first. */
  instantsOf(wall: number): number[] {
    const before = this.offsetAt(wall - DAY);
    const after = this.offsetAt(wall + DAY);
    if (before === after) return [wall - before];
    // The larger offset gives the earlier instant.
    const offsets = [Math.max(before, after), Math.min(before, after)];
    return offsets
      .map((offset) => wall - offset)
      .filter((instant, index) => this.offsetAt(instant) === offsets[index]);
  }

  /** Of a wall time that its clocks skip: the instant at which they skip it, the first one after the gap. */
  endOfGap(wall: number): number {
    return this.changeWithin(wall - DAY, wall + DAY) ?? wall - this.offsetAt(wall);
  }

  #stretchAt(instant: number): Stretch {
    return this.#year(yearOf(instant)).findLast(({ at }) => at <= instant)!;
  }

  #year(year: number): readonly Stretch[] {
    const known = this.#years.get(year);
    if (known) return known;
    const from = Date.UTC(year, 0, 1);
    const until = Date.UTC(year + 1, 0, 1);
    // The first one is that of the year before, so that a change at midnight of New Year shows as one.
    const stretches: Stretch[] = [{ at: from, offset: this.#ask(from - 1) }];
    // No zone changes its clocks twice within a day.
    for (let day = from; day < until + DAY; day += DAY) {
      const look = Math.min(day, until - 1);
      const { offset: old } = stretches.at(-1)!;
      const offset = this.#ask(look);
      if (offset !== old) stretches.push({ at: this.#changeBefore(look, old), offset });
    }
    this.#years.set(year, stretches);
    return stretches;
  }

  /** The first instant within the day before `late` at which the offset is not `old`. */
  #changeBefore(late: number, old: number): number {
    let from = late - DAY;
    let until = late;
    while (until - from > 1) {
      const middle = Math.floor((from + until) / 2);
      if (this.#ask(middle) === old) from = middle;
      else until = middle;
    }
    return until;
  }

  #ask(instant: number): number {
    const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(this.#format.format(instant));
    if (!match) throw new MillraceError("internal", `no offset is known for ${this.name}`);
    const [, sign, hours = 0, minutes = 0, seconds = 0] = match;
    const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    return sign === "-" ? -ms : ms;
  }
}

function yearOf(instant: number): number {
  return new Date(instant).getUTCFullYear();
}

function unknownZone(name: unknown): MillraceError {
  return new MillraceError(
    "invalid_schedule",
    `timeZone: ${JSON.stringify(name)} is no zone of the IANA database; write for example "Europe/Lisbon"`,
  );
}
