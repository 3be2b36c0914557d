import type { NotificationOutcome } from "@millrace/core";
import { Sparing } from "../runtime/sparing.ts";
import { countFiring } from "../store/alerts.ts";
import type { Database } from "../store/database.ts";
import { Counter, Gauge, type Registry } from "../telemetry/metrics.ts";

/** Scrapes that come closer together than this see the same. */
const FRESH_MS = 5000;

/** What fires, which is the same from every process; and what this one has told, and could not look at. */
export class AlertMetrics {
  readonly #notified: Counter<"outcome">;
  readonly #rounds: Counter;
  readonly #failed: Counter;

  constructor(registry: Registry, db: Database) {
    const registers = [registry];
    const firing = new Sparing(() => countFiring(db), FRESH_MS);
    const gauge: Gauge<"rule" | "severity"> = new Gauge({
      name: "millrace_alerts_firing",
      help: "Alerts of Millrace's own that fire",
      labelNames: ["rule", "severity"],
      registers,
      collect: async () => {
        const counts = await firing.read().catch(() => []);
        gauge.reset();
        for (const { rule, severity, count } of counts) gauge.set({ rule, severity }, count);
      },
    });
    this.#notified = new Counter({
      name: "millrace_alert_notifications_total",
      help: "Attempts to tell a target of alerts, by what became of the notification; retry when it is tried again",
      labelNames: ["outcome"],
      registers,
    });
    this.#rounds = new Counter({
      name: "millrace_alert_rounds_total",
      help: "Times that this process looked at what alert rules are about",
      registers,
    });
    this.#failed = new Counter({
      name: "millrace_alert_rule_failures_total",
      help: "Times that what an alert rule is about could not be looked at",
      registers,
    });
  }

  readonly notified = (became: NotificationOutcome | "retry"): void => {
    this.#notified.inc({ outcome: became });
  };

  readonly round = (failed: number): void => {
    this.#rounds.inc({});
    if (failed > 0) this.#failed.inc({}, failed);
  };
}
