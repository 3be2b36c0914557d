import type { Rate } from "@millrace/core";
import { Breaker, type BreakerPolicy } from "./breaker.ts";
import type { HttpClock } from "./http-clock.ts";

/** When a call of a host may begin. */
export interface GatePolicy {
  /** Calls under way at once. */
  readonly concurrency: number;
  /** Null for as many as come. */
  readonly rate: Rate | null;
  /** A call that would have to wait longer does not wait. */
  readonly maxWaitMs: number;
  /** Null for none. */
  readonly breaker: BreakerPolicy | null;
}

/** A call that was not let in; `afterMs` says when it is worth another try. */
export interface TurnedAway {
  readonly why: "circuit_open" | "busy";
  readonly afterMs: number;
}

/** The way to one host in this process: how many calls are under way, how soon the next may begin, and whether it is worth a try at all. */
export class HostGate {
  readonly #policy: GatePolicy;
  readonly #clock: HttpClock;
  readonly #breaker: Breaker | undefined;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;
  /** By the rate, when the next call would begin if they came evenly; it runs ahead of now by a burst at the most (GCRA). */
  #nextAt = -Infinity;
  /** The host has asked to be left alone until then. */
  #heldUntil = -Infinity;

  constructor(policy: GatePolicy, clock: HttpClock) {
    this.#policy = policy;
    this.#clock = clock;
    if (policy.breaker) this.#breaker = new Breaker(policy.breaker, () => clock.now());
  }

  /** Whether it might be forgotten: another one would do the same. */
  get idle(): boolean {
    const now = this.#clock.now();
    const quiet = this.#inside === 0 && this.#waiting.length === 0;
    return quiet && this.#nextAt <= now && this.#heldUntil <= now && this.#breaker?.calm !== false;
  }

  /**
   * Waits for the turn of a call. One that was let in must say how it ended.
   *
   * @returns why it is not let in, if it is not
   * @throws the signal's reason
   */
  async enter(signal: AbortSignal): Promise<TurnedAway | undefined> {
    signal.throwIfAborted();
    const shutMs = this.#breaker?.restMs;
    if (shutMs !== undefined) return { why: "circuit_open", afterMs: shutMs };
    const turnedAway = await this.#takeTurn(signal);
    if (turnedAway) return turnedAway;
    // It may have opened while this one waited.
    const afterMs = this.#breaker?.enter();
    if (afterMs === undefined) return undefined;
    this.#goOut();
    return { why: "circuit_open", afterMs };
  }

  /** @returns whether the breaker has opened because of this */
  leave(end: "succeeded" | "failed" | "left"): boolean {
    this.#goOut();
    if (end === "failed") return this.#breaker?.failed() ?? false;
    if (end === "succeeded") this.#breaker?.succeeded();
    else this.#breaker?.left();
    return false;
  }

  /** The host has asked to wait. */
  holdFor(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#clock.now() + ms);
  }

  async #takeTurn(signal: AbortSignal): Promise<TurnedAway | undefined> {
    const { maxWaitMs } = this.#policy;
    const beganAt = this.#clock.now();
    if (!(await this.#goIn(signal))) return { why: "busy", afterMs: maxWaitMs };
    const left = maxWaitMs - (this.#clock.now() - beganAt);
    const waitMs = this.#waitMs();
    if (waitMs > left) {
      this.#goOut();
      return { why: "busy", afterMs: waitMs };
    }
    this.#take();
    if (waitMs <= 0) return undefined;
    try {
      await this.#clock.sleep(waitMs, signal);
    } catch (error) {
      this.#goOut();
      throw error;
    }
    return undefined;
  }

  /** In how many milliseconds rate and host let the next one begin. */
  #waitMs(): number {
    const { rate } = this.#policy;
    const now = this.#clock.now();
    const held = this.#heldUntil - now;
    if (!rate) return Math.max(0, held);
    const spacing = rate.perMs / rate.limit;
    return Math.max(0, held, this.#nextAt - (rate.burst - 1) * spacing - now);
  }

  #take(): void {
    const { rate } = this.#policy;
    if (rate) this.#nextAt = Math.max(this.#nextAt, this.#clock.now()) + rate.perMs / rate.limit;
  }

  /** @returns whether there was room in time */
  async #goIn(signal: AbortSignal): Promise<boolean> {
    if (this.#inside < this.#policy.concurrency) {
      this.#inside++;
      return true;
    }
    const over = new AbortController();
    let given = false;
    let enter!: () => void;
    const entered = new Promise<boolean>((resolve) => {
      enter = () => {
        given = true;
        resolve(true);
      };
    });
    this.#waiting.push(enter);
    const patience = this.#clock
      .sleep(this.#policy.maxWaitMs, AbortSignal.any([signal, over.signal]))
      .then(() => given);
    patience.catch(() => {});
    try {
      return await Promise.race([entered, patience]);
    } catch (error) {
      // The place was given to it in the same moment.
      if (given) this.#goOut();
      throw error;
    } finally {
      over.abort();
      const place = this.#waiting.indexOf(enter);
      if (place >= 0) this.#waiting.splice(place, 1);
    }
  }

  /** Whoever waits longest has the place. */
  #goOut(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#inside--;
  }
}
