import { Loop } from "../runtime/loop.ts";
import { readAuditHead } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";

const EVERY_MS = 3_600_000;

/**
 * Tells the log the head of the audit once an hour. The log is not in the database: whoever writes a new chain there cannot make these
 * lines come true.
 */
export class AuditAnchor extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "audit anchor",
      async () => {
        const [head] = await readAuditHead(db);
        if (head!.seq > 0)
          logger.info({ audit: `${head!.seq}:${head!.hash}` }, "head of the audit");
        return EVERY_MS;
      },
      logger,
    );
  }
}
