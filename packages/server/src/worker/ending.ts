import type { Aborted } from "@millrace/sdk";

/** How long a handler may go on after it was told that its run is to end, before what it did is made good without it. */
const GRACE_MS = 5000;

/**
 * The signals of an attempt whose run is to end. Its handler has got to know all that it did before, and is told to stop; what makes that good
 * is told only when the attempt is.
 */
export class Ending {
  /** Rejects when the handler has not let go in time. Nothing of it begins a step any more, so it is left where it is. */
  readonly left: Promise<never>;
  readonly #signal: () => AbortSignal;
  readonly #abort: (reason: Aborted) => void;
  #own: AbortController | undefined;
  #leave!: (reason: Aborted) => void;

  /**
   * @param signal that of the handler
   * @param abort aborts it
   */
  constructor(signal: () => AbortSignal, abort: (reason: Aborted) => void) {
    this.#signal = signal;
    this.#abort = abort;
    this.left = new Promise((_resolve, reject) => {
      this.#leave = reject;
    });
    this.left.catch(() => {});
  }

  /** That of steps. */
  get signal(): AbortSignal {
    return this.#own?.signal ?? this.#signal();
  }

  begin(reason: Aborted): void {
    if (this.#own || this.#signal().aborted) return;
    this.#own = new AbortController();
    this.#abort(reason);
    setTimeout(() => this.#leave(reason), GRACE_MS).unref();
  }

  /** The attempt itself is told to stop. */
  abort(reason: Aborted): void {
    this.#own?.abort(reason);
  }
}
