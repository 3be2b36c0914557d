import { type DeliveryOutcome, MillraceError } from "@millrace/core";
import { type SendingGround, deliver } from "../engine/webhooks/deliver.ts";
import { Loop } from "../runtime/loop.ts";
import { type DueDelivery, firstDue, takeDeliveries } from "../store/webhook-deliveries.ts";
import type { Logger } from "../telemetry/logger.ts";

/** A delivery is at the most so late. */
const LOOK_EVERY_MS = 1000;

/** Attempts under way at once, of all subscriptions and of one: who answers slowly must not hold up the others. */
const MOST = 20;
const MOST_OF_ONE = 5;

/** Longer than an attempt may take. */
const TAKEN_FOR_MS = 60_000;

export interface WebhookSenderOptions extends SendingGround {
  logger: Logger;
  /** Told of every attempt, for metrics. */
  onSent?: (became: DeliveryOutcome | "retry") => void;
  /** After so long a delivery that was taken, and of which nothing was heard, is due again. Default 60,000. */
  takenForMs?: number;
}

/** Sends what subscriptions are to be told. Any number may run at once: each takes what no other has taken. */
export class WebhookSender extends Loop {
  readonly #options: WebhookSenderOptions;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #ofOne = new Map<string, number>();
  #stopping = new AbortController();

  constructor(options: WebhookSenderOptions) {
    super("webhook sender", () => this.#look(), options.logger);
    this.#options = options;
  }

  override start(): Promise<void> {
    this.#stopping = new AbortController();
    return super.start();
  }

  /** What is under way is cut off: it is sent again, under the same id. */
  override async stop(): Promise<void> {
    this.#stopping.abort();
    await super.stop();
    await Promise.all(this.#underWay.values());
  }

  async #look(): Promise<number> {
    const { db, takenForMs = TAKEN_FOR_MS } = this.#options;
    if ((await firstDue(db)).length === 0) return LOOK_EVERY_MS;
    this.#requireKeys();
    const free = Math.min(MOST - this.#underWay.size, MOST_OF_ONE);
    if (free <= 0) return LOOK_EVERY_MS;
    const busy = [...this.#ofOne].filter(([, count]) => count >= MOST_OF_ONE).map(([name]) => name);
    const taken = await takeDeliveries(db, busy, free, takenForMs);
    for (const delivery of taken) this.#begin(delivery);
    return taken.length === free ? 0 : LOOK_EVERY_MS;
  }

  /** Without them nothing is taken: another process may have them. */
  #requireKeys(): void {
    const { keys } = this.#options.origins;
    if (keys.read()) return;
    throw new MillraceError(
      "secret_key_missing",
      `webhooks are to be sent, and the secrets that they are signed under cannot be opened: there are no keys in ${keys.words}`,
    );
  }

  #begin(delivery: DueDelivery): void {
    const { id, subscription } = delivery;
    this.#ofOne.set(subscription, (this.#ofOne.get(subscription) ?? 0) + 1);
    const work = this.#send(delivery).finally(() => {
      // One that was due again meanwhile has taken its place.
      if (this.#underWay.get(id) === work) this.#underWay.delete(id);
      const others = this.#ofOne.get(subscription)! - 1;
      if (others > 0) this.#ofOne.set(subscription, others);
      else this.#ofOne.delete(subscription);
      this.wake();
    });
    this.#underWay.set(id, work);
  }

  /** What cannot be recorded is due again by itself. */
  async #send(delivery: DueDelivery): Promise<void> {
    const { logger, onSent } = this.#options;
    const about = { subscription: delivery.subscription, delivery: delivery.id };
    try {
      const became = await deliver(this.#options, delivery, this.#stopping.signal);
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
  }
}
