import { type Handled, advanceOperation } from "../engine/advance-operation.ts";
import type { InputCheck } from "../engine/intake.ts";
import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

/** An operation that is begun while the runner rests is at the most so late. */
const LOOK_EVERY_MS = 500;

/** Carries out operations over dead letters. Any number may run at once: each part is one process's transaction. */
export class OperationRunner extends Loop {
  constructor({
    db,
    intake,
    bell,
    logger,
    onHandled,
  }: {
    db: Database;
    intake: InputCheck;
    bell: Bell;
    logger: Logger;
    /** Told of the members that were handled, for metrics. */
    onHandled?: (handled: Handled) => void;
  }) {
    super(
      "operation runner",
      async () => {
        const { queues, handled, nextInMs } = await advanceOperation(db, intake);
        for (const queue of queues) bell.ring(queue);
        if (handled) onHandled?.(handled);
        return Math.min(nextInMs ?? LOOK_EVERY_MS, LOOK_EVERY_MS);
      },
      logger,
      CHORE_MS,
    );
  }
}
