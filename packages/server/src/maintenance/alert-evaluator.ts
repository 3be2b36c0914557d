import { type Turn, evaluateAlerts } from "../engine/alerts/evaluate.ts";
import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";

/** How often rules are looked at; how late an alert is told at the most, besides what its rule waits for. */
const EVERY_MS = 15_000;

/** Whether a round is due, which may have been another's that is gone. */
const LOOK_EVERY_MS = 5000;

/** Decides alerts. Any number may run at once: one of them has each round. */
export class AlertEvaluator extends Loop {
  constructor({
    db,
    logger,
    publicUrl,
    onRound,
  }: {
    db: Database;
    logger: Logger;
    /** The address that people have for the server, for links. */
    publicUrl?: string | undefined;
    /** Told of every round, for metrics: how many rules could not be looked at. */
    onRound?: (failed: number) => void;
  }) {
    super(
      "alert evaluator",
      async () => {
        const round = await evaluateAlerts(db, { everyMs: EVERY_MS, publicUrl });
        if (!round) return LOOK_EVERY_MS;
        for (const turn of round.turns) log(logger, turn);
        for (const { rule, error } of round.failed) {
          logger.warn(
            { event: "alert.rule_unseen", err: error, rule },
            "an alert rule could not be looked at",
          );
        }
        onRound?.(round.failed.length);
        return LOOK_EVERY_MS;
      },
      logger,
    );
  }
}

/** One line for each alert that begins, fires or is resolved. */
function log(logger: Logger, { alert }: Turn): void {
  const { id, rule, subject, project, severity, value, threshold, state } = alert;
  const fields = { alert: id, rule, subject, project, severity, value, threshold };
  if (state === "firing") logger.warn({ event: "alert.firing", ...fields }, "an alert fires");
  else if (state === "resolved") {
    logger.info({ event: "alert.resolved", ...fields }, "an alert is resolved");
  } else logger.info({ event: "alert.pending", ...fields }, "an alert is about to fire");
}
