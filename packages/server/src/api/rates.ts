import { MillraceError } from "@millrace/core";

/** Names that are remembered; those that were not heard of for longest are forgotten, and begin anew. */
const MOST_NAMES = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/** Tokens for each of many names, which come back with time. Of this process alone. */
export class Buckets {
  readonly #perMs: number;
  readonly #size: number;
  readonly #clock: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, size: number, clock = () => performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#size = size;
    this.#clock = clock;
  }

  /** How many whole tokens there are. */
  left(name: string): number {
    return Math.floor(this.#look(name).left);
  }

  /** Takes one, or answers false. */
  take(name: string): boolean {
    const bucket = this.#look(name);
    const taken = bucket.left >= 1;
    if (taken) bucket.left--;
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > MOST_NAMES) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    return taken;
  }

  #look(name: string): Bucket {
    const at = this.#clock();
    const known = this.#buckets.get(name);
    if (!known) return { left: this.#size, at };
    known.left = Math.min(this.#size, known.left + (at - known.at) * this.#perMs);
    known.at = at;
    return known;
  }
}

type SetHeader = (name: string, value: string) => void;

/** How many requests each caller may send to this process. */
export class CallerRates {
  readonly #perSecond: number;
  readonly #buckets: Buckets;
  readonly #policy: string;

  /** @param perSecond for each caller, and as many at once; 0 for as many as they like */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#buckets = new Buckets(perSecond, perSecond);
    this.#policy = `"caller";q=${perSecond};w=1`;
  }

  /**
   * Counts a request, and tells the caller what is left.
   *
   * @throws MillraceError `rate_limited`
   */
  count(caller: string, header: SetHeader): void {
    if (this.#perSecond === 0) return;
    const taken = this.#buckets.take(caller);
    header("ratelimit-policy", this.#policy);
    header("ratelimit", `"caller";r=${this.#buckets.left(caller)};t=1`);
    if (taken) return;
    throw new MillraceError(
      "rate_limited",
      `${caller} has sent more than the ${this.#perSecond} requests a second that each caller may send to a server; nothing was done. Send it again in a second; ask for runs in bulk, or raise MILLRACE_API_RATE`,
    );
  }
}

/** Wrong keys that an address may send before this process looks none up for it any more, and how many come back each second. */
const WRONG_KEYS = 500;
const WRONG_KEYS_PER_SECOND = 10;

/** How often each address has sent keys that are none. It bounds what that costs: from being guessed, keys are kept by their length. */
export class WrongKeys {
  readonly #buckets: Buckets;

  constructor(buckets = new Buckets(WRONG_KEYS_PER_SECOND, WRONG_KEYS)) {
    this.#buckets = buckets;
  }

  note(address: string): void {
    this.#buckets.take(address);
  }

  /** @throws MillraceError `rate_limited` for an address that has sent too many */
  refuseGuesser(address: string): void {
    if (this.#buckets.left(address) >= 1) return;
    throw new MillraceError(
      "rate_limited",
      `too many keys that are none have come from this address: more than ${WRONG_KEYS}, and then ${WRONG_KEYS_PER_SECOND} a second; a key that was not used here in the last seconds is not looked at. Wait a minute, and send the right one`,
    );
  }
}
