export interface BreakerPolicy {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** For how long. */
  readonly openMs: number;
}

/** Whoever comes while one tries whether the other side is well again, is to come back after so long. */
const PROBE_MS = 1000;

/**
 * Keeps calls from a host that fails: after some failures in a row it is open, and nothing is sent for a while; then one call is let through, and
 * its end decides. The libraries for it need a newer Node, or look at a clock of their own.
 */
export class Breaker {
  readonly #policy: BreakerPolicy;
  readonly #now: () => number;
  #failures = 0;
  #openUntil: number | undefined;
  #probing = false;

  /** @param now milliseconds on a clock that only goes on */
  constructor(policy: BreakerPolicy, now: () => number) {
    this.#policy = policy;
    this.#now = now;
  }

  /** Whether there is nothing to remember. */
  get calm(): boolean {
    return this.#failures === 0 && this.#openUntil === undefined;
  }

  /** For how long it is open still; undefined for not at all. */
  get restMs(): number | undefined {
    const restMs = (this.#openUntil ?? -Infinity) - this.#now();
    return restMs > 0 ? restMs : undefined;
  }

  /** In how many milliseconds a call may pass; undefined for one that may now, and must say afterwards how it ended. */
  enter(): number | undefined {
    const { restMs } = this;
    if (restMs !== undefined || this.#openUntil === undefined) return restMs;
    if (this.#probing) return PROBE_MS;
    this.#probing = true;
    return undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openUntil = undefined;
    this.#probing = false;
  }

  /** @returns whether it has opened because of this */
  failed(): boolean {
    this.#probing = false;
    this.#failures++;
    const wasOpen = this.#openUntil !== undefined;
    // What was under way when it opened says nothing new.
    if (wasOpen && this.#openUntil! > this.#now()) return false;
    if (!wasOpen && this.#failures < this.#policy.failures) return false;
    this.#openUntil = this.#now() + this.#policy.openMs;
    return true;
  }

  /** The caller gave up: that says nothing of the other side. */
  left(): void {
    this.#probing = false;
  }
}
