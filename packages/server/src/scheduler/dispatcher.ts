import { dispatch } from "../engine/dispatch.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

/** A timer that is set while the dispatcher rests is at the most so late. */
const LOOK_EVERY_MS = 500;

/** Moves runs whose time has come into their queues, and rings. Any number may run at once. */
export class Dispatcher implements Service {
  readonly name = "dispatcher";
  readonly #loop: Loop;

  constructor({ db, bell, logger }: { db: Database; bell: Bell; logger: Logger }) {
    this.#loop = new Loop(
      this.name,
      async () => {
        const { queues, nextInMs } = await dispatch(db);
        for (const queue of queues) bell.ring(queue);
        return Math.min(nextInMs ?? LOOK_EVERY_MS, LOOK_EVERY_MS);
      },
      logger,
    );
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
