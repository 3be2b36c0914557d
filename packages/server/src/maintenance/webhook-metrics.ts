import type { DeliveryOutcome } from "@millrace/core";
import { Counter, type Registry } from "../telemetry/metrics.ts";

/** What this process has sent to subscriptions. */
export class WebhookMetrics {
  readonly #sent: Counter<"outcome">;

  constructor(registry: Registry) {
    this.#sent = new Counter({
      name: "millrace_webhooks_sent_total",
      help: "Attempts to send a webhook, by what became of the delivery; retry when it is tried again",
      labelNames: ["outcome"],
      registers: [registry],
    });
  }

  readonly sent = (became: DeliveryOutcome | "retry"): void => {
    this.#sent.inc({ outcome: became });
  };
}
