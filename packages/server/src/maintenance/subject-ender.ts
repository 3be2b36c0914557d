import { endRunsOf } from "../engine/subjects/end-runs.ts";
import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { endingSubjects } from "../store/subjects.ts";
import type { Logger } from "../telemetry/logger.ts";

const BATCH = 100;

const REST_MS = 10_000;

/** Cancels the open runs of erased subjects that whoever erased them has left, and what came of them meanwhile. Any number may run at once. */
export class SubjectEnder extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "subject ender",
      async () => {
        const subjects = await endingSubjects(db, BATCH);
        for (const { id } of subjects) await endRunsOf(db, id);
        return subjects.length === BATCH ? 0 : REST_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}
