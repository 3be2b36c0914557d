import type { Logger } from "../telemetry/logger.ts";
import type { Service } from "./service.ts";

/** Once is a deadlock, or a database that restarts; so often in a row is a loop that does not do its work. */
const FAILING_AFTER = 3;

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

  constructor(name: string, turn: Turn, logger: Logger) {
    this.name = name;
    this.#turn = turn;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    this.#stopping = false;
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

  /** Whether its turns succeed. */
  health(): { ok: boolean; why?: string } {
    if (this.#failures < FAILING_AFTER) return { ok: true };
    return { ok: false, why: `${this.name} has failed ${this.#failures} times in a row` };
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
      try {
        restMs = await this.#turn();
        if (this.#failures > 0)
          this.#logger.info(
            { event: "loop.recovered", loop: this.name },
            `${this.name} works again`,
          );
        this.#failures = 0;
        this.#turnedAt = Date.now();
      } catch (error) {
        this.#failures++;
        this.#failed++;
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
