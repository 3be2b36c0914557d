import { meetWaits } from "../engine/meet-waits.ts";
import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

/** Whoever sends an event over the API gives it at once, and so does a worker that ends a child; what SQL has sent, or a process that died, is so late at the most. */
const LOOK_EVERY_MS = 500;

/** Gives events, and what children gave, to the runs that wait for them, and wakes those; cancels orphans. Any number may run at once. */
export class Waker extends Loop {
  constructor({ db, bell, logger }: { db: Database; bell: Bell; logger: Logger }) {
    super(
      "waker",
      async () => {
        await meetWaits(db, (queue) => {
          this.goesOn();
          bell.ring(queue);
        });
        return LOOK_EVERY_MS;
      },
      logger,
    );
  }
}
