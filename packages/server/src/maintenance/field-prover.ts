import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { proveFields } from "../store/job-fields.ts";
import type { Logger } from "../telemetry/logger.ts";

const REST_MS = 60_000;

/** While a declaration waits for transactions that may not see it. */
const LOOK_AGAIN_MS = 5000;

/** Finds out from when on the index of searchable fields is complete, where it could not be told when they were declared. Any number may run at once. */
export class FieldProver extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "field prover",
      async () => {
        const [row] = await proveFields(db);
        return row!.unproven > 0 ? LOOK_AGAIN_MS : REST_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}
