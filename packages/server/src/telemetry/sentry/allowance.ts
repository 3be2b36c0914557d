/** Of one group so many in a minute: the rest would tell nothing new, and take the place of other groups. */
const PER_MINUTE = 10;

const MINUTE_MS = 60_000;

/** More groups than this in a minute are no groups. */
const MAX_GROUPS = 1000;

/** Lets so many of each group pass in each minute. */
export class Allowance {
  #passed = new Map<string, number>();
  #since = -Infinity;

  /** Whether one more may pass. @param now milliseconds that only grow */
  take(group: string, now: number): boolean {
    if (now - this.#since >= MINUTE_MS) {
      this.#since = now;
      this.#passed = new Map();
    }
    const passed = this.#passed.get(group) ?? 0;
    if (passed >= PER_MINUTE || (passed === 0 && this.#passed.size >= MAX_GROUPS)) return false;
    this.#passed.set(group, passed + 1);
    return true;
  }
}
