import { dispatch } from "../engine/dispatch.ts";
import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

/** A timer that is set while the dispatcher rests is at the most so late. */
const LOOK_EVERY_MS = 500;

/** Moves runs whose time has come into their queues, and rings. Any number may run at once. */
export class Dispatcher extends Loop {
  constructor({ db, bell, logger }: { db: Database; bell: Bell; logger: Logger }) {
    super(
      "dispatcher",
      async () => {
        const { queues, nextInMs } = await dispatch(db);
        for (const queue of queues) bell.ring(queue);
        return Math.min(nextInMs ?? LOOK_EVERY_MS, LOOK_EVERY_MS);
      },
      logger,
    );
  }
}
