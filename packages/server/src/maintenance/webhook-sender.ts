import { type DeliveryOutcome, MillraceError } from "@millrace/core";
import { type SendingGround, deliver } from "../engine/webhooks/deliver.ts";
import { type DueDelivery, firstDue, takeDeliveries } from "../store/webhook-deliveries.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Sender } from "./sender.ts";

/** Longer than an attempt may take. */
const TAKEN_FOR_MS = 60_000;

export interface WebhookSenderOptions extends SendingGround {
  logger: Logger;
  /** Told of every attempt, for metrics. */
  onSent?: (became: DeliveryOutcome | "retry") => void;
  /** After so long a delivery that was taken, and of which nothing was heard, is due again. Default 60,000. */
  takenForMs?: number;
}

/** Sends what subscriptions are to be told. */
export class WebhookSender extends Sender<DueDelivery> {
  constructor(options: WebhookSenderOptions) {
    const { db, logger, origins, onSent, takenForMs = TAKEN_FOR_MS } = options;
    super(
      "webhook sender",
      {
        isDue: async () => (await firstDue(db)).length > 0,
        requireReady: () => {
          const { keys } = origins;
          if (keys.read()) return;
          throw new MillraceError(
            "secret_key_missing",
            `webhooks are to be sent, and the secrets that they are signed under cannot be opened: there are no keys in ${keys.words}`,
          );
        },
        take: (busy, limit) => takeDeliveries(db, busy, limit, takenForMs),
        to: ({ subscription }) => subscription,
        send: async (delivery, signal) => {
          const about = { subscription: delivery.subscription, delivery: delivery.id };
          try {
            const became = await deliver(options, delivery, signal);
            if (became === undefined) return;
            onSent?.(became);
            if (became === "given up")
              logger.warn({ event: "webhook.given_up", ...about }, "a webhook was given up");
          } catch (error) {
            logger.warn(
              { event: "webhook.unrecorded", err: error, ...about },
              "what became of a webhook was not recorded",
            );
          }
        },
      },
      logger,
    );
  }
}
