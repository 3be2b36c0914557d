import { CHORE_MS, Loop } from "../runtime/loop.ts";
import { readAuditHead } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";

const EVERY_MS = 3_600_000;

/** Not among what a process says when it starts; and soon, because a process may not live for an hour. */
const FIRST_AFTER_MS = 60_000;

/**
 * Tells the log the head of the audit once an hour. The log is not in the database: whoever writes a new chain there cannot make these
 * lines come true.
 */
export class AuditAnchor extends Loop {
  constructor({
    db,
    logger,
    firstAfterMs = FIRST_AFTER_MS,
  }: {
    db: Database;
    logger: Logger;
    firstAfterMs?: number;
  }) {
    let waitMs = firstAfterMs;
    super(
      "audit anchor",
      async () => {
        if (waitMs > 0) {
          const restMs = waitMs;
          waitMs = 0;
          return restMs;
        }
        const [head] = await readAuditHead(db);
        if (head!.seq > 0)
          logger.info(
            { event: "audit.head", audit: `${head!.seq}:${head!.hash}` },
            "head of the audit",
          );
        return EVERY_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}
