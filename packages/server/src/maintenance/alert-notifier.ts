import type { NotificationOutcome } from "@millrace/core";
import { type NotifyingGround, notify } from "../engine/alerts/notify.ts";
import {
  type DueNotification,
  firstDueNotification,
  takeNotifications,
} from "../store/alert-notifications.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Sender } from "./sender.ts";

/** Longer than an attempt may take. */
const TAKEN_FOR_MS = 60_000;

export interface AlertNotifierOptions extends NotifyingGround {
  logger: Logger;
  /** Told of every attempt, for metrics. */
  onNotified?: (became: NotificationOutcome | "retry") => void;
  /** After so long a notification that was taken, and of which nothing was heard, is due again. Default 60,000. */
  takenForMs?: number;
}

/** Tells targets what is to be told to them. A target whose credential cannot be opened says so in its log. */
export class AlertNotifier extends Sender<DueNotification> {
  constructor(options: AlertNotifierOptions) {
    const { db, logger, onNotified, takenForMs = TAKEN_FOR_MS } = options;
    super(
      "alert notifier",
      {
        isDue: async () => (await firstDueNotification(db)).length > 0,
        requireReady: () => {},
        take: (busy, limit) => takeNotifications(db, busy, limit, takenForMs),
        to: ({ target }) => target,
        send: async (notification, signal) => {
          const about = { target: notification.target, notification: notification.id };
          try {
            const became = await notify(options, notification, signal);
            if (became === undefined) return;
            onNotified?.(became);
            if (became === "given up")
              logger.warn({ event: "alert.given_up", ...about }, "a notification was given up");
          } catch (error) {
            logger.warn(
              { event: "alert.unrecorded", err: error, ...about },
              "what became of a notification was not recorded",
            );
          }
        },
      },
      logger,
    );
  }
}
