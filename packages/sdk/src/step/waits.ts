import type { StepPlace, Wait } from "./checkpoints.ts";

/** A timer of Node fires at once beyond 2^31-1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** While an attempt waits in place, it asks so often whether something has come. */
const LOOK_EVERY_MS = 1000;

/** The waits of an attempt that are not over. */
export class Waits {
  readonly #signal: () => AbortSignal;
  readonly #standing = new Set<Standing>();
  #listening = false;

  /** @param signal when it is aborted, whatever waits is woken with its reason */
  constructor(signal: () => AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Waits in place until it is worth looking again: when the wait is over, or, for one that something may end early, after a second.
   * The promise of one that is {@link leave left} never settles.
   */
  stand(place: StepPlace, { restMs, dueMs }: Wait, wakeable: boolean): Promise<void> {
    this.#listen();
    return new Promise((resolve, reject) => {
      const dueAt = performance.now() + restMs;
      const lookAt = wakeable ? Math.min(dueAt, performance.now() + LOOK_EVERY_MS) : dueAt;
      const standing: Standing = { place, dueAt, dueMs, lookAt, timer: undefined, resolve, reject };
      this.#standing.add(standing);
      this.#arm(standing);
    });
  }

  /** What is left of the first of them; undefined when there is none. */
  get first(): { restMs: number; dueMs: number } | undefined {
    let first: Standing | undefined;
    for (const each of this.#standing) if (!first || each.dueAt < first.dueAt) first = each;
    return first && { restMs: first.dueAt - performance.now(), dueMs: first.dueMs };
  }

  /** The steps that wait. */
  get places(): StepPlace[] {
    return [...this.#standing].map(({ place }) => place);
  }

  /** Wakes none of them, ever. */
  leave(): void {
    for (const { timer } of this.#standing) clearTimeout(timer);
    this.#standing.clear();
  }

  #arm(standing: Standing): void {
    const restMs = standing.lookAt - performance.now();
    standing.timer = setTimeout(
      () => {
        if (performance.now() < standing.lookAt) return this.#arm(standing);
        this.#standing.delete(standing);
        standing.resolve();
      },
      Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(restMs))),
    );
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const signal = this.#signal();
    signal.addEventListener("abort", () => {
      const woken = [...this.#standing];
      this.leave();
      for (const { reject } of woken) reject(signal.reason);
    });
  }
}

interface Standing {
  readonly place: StepPlace;
  /** On this process's monotonic clock. */
  readonly dueAt: number;
  readonly dueMs: number;
  readonly lookAt: number;
  timer: NodeJS.Timeout | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}
