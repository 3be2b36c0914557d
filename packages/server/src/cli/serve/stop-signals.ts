const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type StopSignal = (typeof SIGNALS)[number];

/** A launcher such as npm hands on the signal that the terminal sent to both of us: that is one key press. */
const SAME_PRESS_MS = 2000;

/**
 * Why a process that serves should stop. The first signal asks it to drain (`stopping`), a second one to let go of
 * everything (`hurry`); an error that nobody caught asks for both.
 */
export class StopSignals {
  readonly #stopping = new AbortController();
  readonly #hurry = new AbortController();
  readonly #onError: (error: unknown) => void;
  #first: { signal: StopSignal; at: number } | undefined;
  #crashed = false;

  /** @param onError told of errors that nobody caught */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    // Whoever started us with a channel is gone, and so nobody would stop us.
    if (process.channel) process.on("disconnect", this.#onDisconnect);
    process.on("uncaughtException", this.#onUncaught);
    process.on("unhandledRejection", this.#onUncaught);
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  close(): void {
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
    process.removeListener("disconnect", this.#onDisconnect);
    process.removeListener("uncaughtException", this.#onUncaught);
    process.removeListener("unhandledRejection", this.#onUncaught);
  }

  readonly #onSignal = (signal: StopSignal): void => {
    const now = performance.now();
    if (!this.#first) {
      this.#first = { signal, at: now };
      this.#stopping.abort();
    } else if (signal !== this.#first.signal || now - this.#first.at > SAME_PRESS_MS) {
      this.#hurry.abort();
    }
  };

  readonly #onDisconnect = (): void => this.#stopping.abort();

  readonly #onUncaught = (error: unknown): void => {
    this.#onError(error);
    this.#crashed = true;
    this.#stopping.abort();
    this.#hurry.abort();
  };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
