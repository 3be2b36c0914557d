import { Counter, type Registry } from "../metrics.ts";
import type { DropReason } from "./span-outlet.ts";

/** What becomes of spans. */
export class TracingMetrics {
  readonly #exported: Counter;
  readonly #dropped: Counter<"reason">;
  readonly #skipped: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#exported = new Counter({
      name: "millrace_trace_spans_exported_total",
      help: "Spans that whoever collects traces has taken",
      registers,
    });
    this.#dropped = new Counter({
      name: "millrace_trace_spans_dropped_total",
      help: "Spans that were not sent: too many were waiting, or nobody took them",
      labelNames: ["reason"],
      registers,
    });
    this.#skipped = new Counter({
      name: "millrace_traces_skipped_total",
      help: "Traces that were not recorded, because there were as many in their second already",
      registers,
    });
  }

  readonly exported = (spans: number): void => this.#exported.inc({}, spans);

  readonly skipped = (): void => this.#skipped.inc({});

  readonly dropped = (spans: number, reason: DropReason): void =>
    this.#dropped.inc({ reason }, spans);
}
