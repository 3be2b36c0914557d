import { pruneAlertSignals } from "../store/alert-facts.ts";
import { pruneNotifications } from "../store/alert-notifications.ts";
import { pruneAlertSilences } from "../store/alert-silences.ts";
import { pruneAlerts } from "../store/alerts.ts";
import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Rows that one statement removes. */
const BATCH = 5000;

const REST_MS = 60_000;

/** No rule looks further back than an hour. */
const SIGNALS_KEPT_MS = 2 * 3_600_000;

/** Removes what was signalled to rules two hours ago, silences that are over, and alerts and what was told of them that are older than runs are kept. */
export class AlertPruner extends Loop {
  /** @param retentionMs Infinity keeps alerts for ever */
  constructor({ db, logger, retentionMs }: { db: Database; logger: Logger; retentionMs: number }) {
    super(
      "alert pruner",
      async () => {
        const [signals] = await pruneAlertSignals(db, SIGNALS_KEPT_MS, BATCH);
        await pruneAlertSilences(db);
        const [alerts] = retentionMs === Infinity ? [] : await pruneAlerts(db, retentionMs, BATCH);
        const [told] =
          retentionMs === Infinity ? [] : await pruneNotifications(db, retentionMs, BATCH);
        const full = [signals, alerts, told].some((row) => row?.pruned === BATCH);
        return full ? 100 : REST_MS;
      },
      logger,
    );
  }
}
