import type { Wait } from "./checkpoints.ts";

/** A timer of Node fires at once beyond 2^31-1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The sleeps of an attempt that are not over. */
export class Sleeps {
  readonly #signal: () => AbortSignal;
  readonly #sleeping = new Set<Sleep>();
  #listening = false;

  /** @param signal when it is aborted, whatever sleeps is woken with its reason */
  constructor(signal: () => AbortSignal) {
    this.#signal = signal;
  }

  /** Waits in place. The promise of one that is {@link leave left} never settles. */
  wait({ restMs, dueMs }: Wait): Promise<void> {
    this.#listen();
    return new Promise((resolve, reject) => {
      const dueAt = performance.now() + restMs;
      const sleep: Sleep = { dueAt, dueMs, timer: undefined, resolve, reject };
      this.#sleeping.add(sleep);
      this.#arm(sleep);
    });
  }

  /** What is left of the first of them; undefined when none sleeps. */
  get first(): Wait | undefined {
    const [first] = [...this.#sleeping].sort((one, other) => one.dueAt - other.dueAt);
    return first && { restMs: first.dueAt - performance.now(), dueMs: first.dueMs };
  }

  /** Wakes none of them, ever. */
  leave(): void {
    for (const { timer } of this.#sleeping) clearTimeout(timer);
    this.#sleeping.clear();
  }

  #arm(sleep: Sleep): void {
    const restMs = sleep.dueAt - performance.now();
    sleep.timer = setTimeout(
      () => {
        if (performance.now() < sleep.dueAt) return this.#arm(sleep);
        this.#sleeping.delete(sleep);
        sleep.resolve();
      },
      Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(restMs))),
    );
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const signal = this.#signal();
    signal.addEventListener("abort", () => {
      const woken = [...this.#sleeping];
      this.leave();
      for (const { reject } of woken) reject(signal.reason);
    });
  }
}

interface Sleep {
  /** On this process's monotonic clock. */
  readonly dueAt: number;
  readonly dueMs: number;
  timer: NodeJS.Timeout | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}
