import { Counter, type Registry } from "../metrics.ts";

/**
 * - sent: the server has taken it.
 * - sampled: left out by the sample rate.
 * - repeated: too many of its group within a minute.
 * - limited: the server wants no more for now.
 * - full: too many wait already, or the process ended before they were sent.
 * - refused: the server does not want it at all.
 */
export type SentryOutcome = "sent" | "sampled" | "repeated" | "limited" | "full" | "refused";

/** What has become of errors that were to be told to Sentry. */
export class SentryMetrics {
  readonly #events: Counter<"outcome">;

  constructor(registry: Registry) {
    this.#events = new Counter({
      name: "millrace_sentry_events_total",
      help: "Errors that were to be told to Sentry, by what became of that",
      labelNames: ["outcome"],
      registers: [registry],
    });
  }

  readonly ended = (outcome: SentryOutcome, events: number): void =>
    this.#events.inc({ outcome }, events);
}
