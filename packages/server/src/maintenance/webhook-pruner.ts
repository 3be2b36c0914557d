import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { pruneDeliveries } from "../store/webhook-deliveries.ts";
import { pruneReceipts } from "../store/webhook-endpoints.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Rows that one statement removes: some 50 ms of work. */
const BATCH = 5000;

const REST_MS = 60_000;

/** Removes from the logs of webhooks, in and out, what is older than runs are kept. Any number may run at once. */
export class WebhookPruner extends Loop {
  /** @param retentionMs Infinity keeps everything */
  constructor({ db, logger, retentionMs }: { db: Database; logger: Logger; retentionMs: number }) {
    super(
      "webhook pruner",
      async () => {
        if (retentionMs === Infinity) return REST_MS;
        const [receipts] = await pruneReceipts(db, retentionMs, BATCH);
        const [deliveries] = await pruneDeliveries(db, retentionMs, BATCH);
        const full = [receipts, deliveries].some((row) => row?.pruned === BATCH);
        return full ? 100 : REST_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}
