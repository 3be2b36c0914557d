import { awake } from "../runtime/awake-clock.ts";
import { Loop } from "../runtime/loop.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Intake } from "./intake.ts";

/** A way in by which runs have come within this time has proven itself. */
const EVERY_MS = 3000;

/** With the time until the next test, a way that is shut is told of within 10 s. */
const STALLED_MS = 5000;

/** Tries the way in of a process now and then, when nobody else does. Its health is whether the way is open. */
export class IntakeTest extends Loop {
  constructor({ intake, logger }: { intake: Intake; logger: Logger }) {
    super(
      "intake",
      async () => {
        const restMs = intake.provenAt + EVERY_MS - awake.now();
        if (restMs > 0) return restMs;
        await intake.prove();
        return EVERY_MS;
      },
      logger,
      STALLED_MS,
    );
  }
}
