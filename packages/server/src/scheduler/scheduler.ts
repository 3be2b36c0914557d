import { type FiredDue, fireDue } from "../engine/schedule/fire-due.ts";
import { fireWaiting } from "../engine/schedule/fire-waiting.ts";
import type { Fired } from "../engine/schedule/fire.ts";
import { watchForStarts } from "../engine/schedule/watch-starts.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import type { Database } from "../store/database.ts";
import { scheduleChores } from "../store/schedules.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

/** A schedule that is made while the scheduler rests is planned so late at the most. */
const LOOK_EVERY_MS = 500;

/** What waits for runs to end, and runs that were to start, are looked at so often. */
const WATCH_EVERY_MS = 1000;

export interface SchedulerOptions {
  db: Database;
  bell: Pick<Bell, "ring">;
  logger: Logger;
  /** Told of what was fired; for metrics. */
  onFired?: (fired: Fired) => void;
  /** Told how many occurrences did not start in time. */
  onLate?: (occurrences: number) => void;
}

/**
 * Fires the occurrences of schedules when they are due, by the database's clock, and rings. Any number may run at once, and
 * none leads: each rests until the earliest that is due, and takes what no other holds.
 */
export class Scheduler implements Service {
  readonly name = "scheduler";
  readonly #options: SchedulerOptions;
  readonly #loop: Loop;
  readonly #watch: Loop;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#loop = new Loop(this.name, () => this.#fire(), options.logger);
    this.#watch = new Loop("watch of schedules", () => this.#look(), options.logger);
  }

  async start(): Promise<void> {
    await this.#loop.start();
    await this.#watch.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#watch.stop()]);
  }

  health(): ReturnType<Loop["health"]> {
    const firing = this.#loop.health();
    return firing.ok ? this.#watch.health() : firing;
  }

  async #fire(): Promise<number> {
    const fired: FiredDue = await fireDue(this.#options.db);
    this.#tell(fired);
    return Math.min(fired.nextInMs ?? LOOK_EVERY_MS, LOOK_EVERY_MS);
  }

  async #look(): Promise<number> {
    const { db, logger, onLate } = this.#options;
    const [chores] = await scheduleChores(db);
    if (chores?.waits) await this.#fireWaiting();
    if (!chores?.starts) return WATCH_EVERY_MS;
    const { late, more } = await watchForStarts(db);
    for (const { schedule, nominal, runId, why } of late) {
      logger.warn(
        { event: "schedule.late", schedule, scheduledFor: nominal, run: runId },
        `${schedule} is late: ${why}`,
      );
    }
    if (late.length > 0) onLate?.(late.length);
    return more ? 0 : WATCH_EVERY_MS;
  }

  async #fireWaiting(): Promise<void> {
    for (let above: string | null = ""; above !== null;) {
      const fired = await fireWaiting(this.#options.db, above);
      this.#tell(fired);
      this.#watch.goesOn();
      above = fired.goOn;
    }
  }

  #tell(fired: Fired): void {
    const { bell, logger, onFired } = this.#options;
    for (const queue of fired.queues) bell.ring(queue);
    if (fired.outcomes.length > 0) onFired?.(fired);
    const missed = fired.outcomes.filter((occurrence) => occurrence.missed).length;
    if (missed > 0)
      logger.warn(
        { event: "schedule.missed", occurrences: missed },
        `${missed} occurrences were missed`,
      );
    for (const { schedule, why } of fired.troubles) {
      logger.error(
        { event: "schedule.failed", schedule },
        `schedule ${schedule} could not be fired: ${why}`,
      );
    }
  }
}
