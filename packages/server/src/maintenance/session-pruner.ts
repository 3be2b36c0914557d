import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { pruneLoginFailures } from "../store/login-failures.ts";
import { pruneSessions } from "../store/sessions.ts";
import type { Logger } from "../telemetry/logger.ts";

const BATCH = 5000;

const REST_MS = 60_000;

/** Forgets sessions that are over, and logins that failed some time ago. Any number may run at once. */
export class SessionPruner extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "session pruner",
      async () => {
        const [sessions] = await pruneSessions(db, BATCH);
        const [failures] = await pruneLoginFailures(db, BATCH);
        const most = Math.max(sessions!.pruned, failures!.pruned);
        return most === BATCH ? 0 : REST_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}
