import type { Logger } from "../telemetry/logger.ts";
import { awake } from "./awake-clock.ts";
import type { Service } from "./service.ts";
import { forAndSince } from "./since.ts";

/** Once is a deadlock, or a database that restarts; so often in a row is a loop that does not do its work. */
const FAILING_AFTER = 3;

/** A turn that has not come back for so long, of those that come back within a second, never will. */
export const STALLED_AFTER_MS = 7000;

/** The same for chores, which may take as long as there is much to do. */
export const CHORE_MS = 15 * 60_000;

/** For so long a loop may be told no before its process is said to be broken: a database that takes no writes is mended by then, or by somebody else. */
const REFUSED_FOR_MS = 5 * 60_000;

/** What one turn of a loop answers: how long to rest before the next, in milliseconds. */
export type Turn = () => Promise<number>;

/**
 * Calls `turn` again and again, resting between the turns as long as it says, or until it is woken. A turn that throws
 * is logged and tried again after a growing, jittered rest; it never ends the loop. A service that is nothing but a loop
 * extends it.
 */
export class Loop implements Service {
  readonly name: string;
  readonly #turn: Turn;
  readonly #logger: Logger;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();
  #wakeUp: () => void = () => {};
  #woken = false;
  #failures = 0;
  #failed = 0;
  #turnedAt: number | undefined;
  readonly #patienceMs: number;
  /**
   * From when on nothing was seen of it, by the awake clock: since the turn under way began, or said that it goes on; undefined
   * while it rests from a turn that came back in time. Turns that end late in an error, as by the time-out of a statement that
   * hangs, are no progress.
   */
  #progressAt: number | undefined;
  #failingSince = 0;

  /** @param patienceMs how long a turn may take before it is said to have stalled */
  constructor(name: string, turn: Turn, logger: Logger, patienceMs = STALLED_AFTER_MS) {
    this.name = name;
    this.#turn = turn;
    this.#logger = logger;
    this.#patienceMs = patienceMs;
  }

  async start(): Promise<void> {
    this.#stopping = false;
    this.#progressAt = undefined;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#running;
  }

  /** How many of its turns have failed, and when the last one did not, in milliseconds of Unix time. */
  get turns(): { failed: number; succeededAt: number | undefined } {
    return { failed: this.#failed, succeededAt: this.#turnedAt };
  }

  /**
   * Whether its turns come back, and succeed.
   *
   * @returns `alive` of what is not ok: that to start the process anew would hardly mend it. So it is of turns that are refused, as by
   *   a database that takes no writes, for a while; a turn that does not come back is dead.
   */
  health(): { ok: boolean; why?: string; alive?: boolean } {
    const stalledMs = this.#progressAt === undefined ? 0 : awake.now() - this.#progressAt;
    if (stalledMs > this.#patienceMs) {
      return { ok: false, why: `${this.name} has not come back for ${forAndSince(stalledMs)}` };
    }
    if (this.#failures < FAILING_AFTER) return { ok: true };
    const failingMs = awake.now() - this.#failingSince;
    const times = `${this.#failures} times in a row`;
    const why = `${this.name} has failed ${times} for ${forAndSince(failingMs)}`;
    return { ok: false, why, alive: failingMs < REFUSED_FOR_MS };
  }

  /** Says between parts of a long turn that it goes on. */
  goesOn(): void {
    this.#progressAt = awake.now();
  }

  /** Ends the rest now, or the next one before it begins. */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.#wakeUp();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      let restMs: number;
      this.#progressAt ??= awake.now();
      const begunAt = awake.now();
      try {
        restMs = await this.#turn();
        if (this.#failures > 0)
          this.#logger.info(
            { event: "loop.recovered", loop: this.name },
            `${this.name} works again`,
          );
        this.#failures = 0;
        this.#turnedAt = Date.now();
        this.#progressAt = undefined;
      } catch (error) {
        this.#failed++;
        if (this.#failures++ === 0) this.#failingSince = begunAt;
        if (awake.now() - begunAt < this.#patienceMs / 4) this.#progressAt = undefined;
        restMs = Math.min(5000, 100 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
        // The first failure tells; a database that is away for an hour must not fill the disk with it.
        const level = this.#failures === 1 || this.#failures % 20 === 0 ? "error" : "debug";
        this.#logger[level](
          { event: "loop.failed", loop: this.name, err: error, failures: this.#failures },
          `${this.name} failed`,
        );
      }
      await this.#rest(restMs);
    }
  }

  #rest(ms: number): Promise<void> {
    if (this.#woken || this.#stopping || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        this.#wakeUp = () => {};
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
