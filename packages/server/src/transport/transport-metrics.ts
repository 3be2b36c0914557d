import { Counter, Gauge, Histogram, type Registry } from "../telemetry/metrics.ts";
import type { DropReason, TransportObserver } from "./transport.ts";

/** What a process's transport does. */
export class TransportMetrics implements TransportObserver {
  readonly #up: Gauge;
  readonly #published: Counter;
  readonly #publishing: Histogram;
  readonly #publishErrors: Counter;
  readonly #received: Counter;
  readonly #dropped: Counter<"reason">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#up = new Gauge({
      name: "millrace_transport_up",
      help: "1 when the transport rings workers, 0 when they look by themselves",
      registers,
    });
    this.#published = new Counter({
      name: "millrace_transport_published_total",
      help: "Messages that the transport has taken",
      registers,
    });
    this.#publishing = new Histogram({
      name: "millrace_transport_publish_duration_seconds",
      help: "Time until the transport has taken messages that were published together",
      registers,
    });
    this.#publishErrors = new Counter({
      name: "millrace_transport_publish_errors_total",
      help: "Times that messages could not be published",
      registers,
    });
    this.#received = new Counter({
      name: "millrace_transport_received_total",
      help: "Messages that came in for this process's worker",
      registers,
    });
    this.#dropped = new Counter({
      name: "millrace_transport_dropped_total",
      help: "Messages that were thrown away: malformed, or about a queue that was not asked for",
      labelNames: ["reason"],
      registers,
    });
  }

  onState(up: boolean): void {
    this.#up.set({}, up ? 1 : 0);
  }

  onPublished(messages: number, ms: number): void {
    this.#published.inc({}, messages);
    this.#publishing.observe({}, ms / 1000);
  }

  onPublishError(): void {
    this.#publishErrors.inc({});
  }

  onReceived(): void {
    this.#received.inc({});
  }

  onDropped(reason: DropReason): void {
    this.#dropped.inc({ reason });
  }
}
