import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Logger } from "../logger.ts";
import { maskedSpans } from "./masked-spans.ts";

/** Spans that wait to be sent, at the most: some 10 MB. */
const MAX_WAITING = 8192;

/** Why a span was not sent. */
export type DropReason = "queue_full" | "export_failed";

export interface SpanOutletOptions {
  readonly exporter: SpanExporter;
  /** Sends what waits, together. */
  readonly batchOf: (exporter: SpanExporter, room: number) => SpanProcessor;
  readonly mask: (text: string) => string;
  readonly logger: Logger;
  readonly onExported: (spans: number) => void;
  readonly onDropped: (spans: number, why: DropReason) => void;
}

/**
 * Where spans leave the process. What cannot be sent is dropped and counted; that it cannot be sent is said once, and once that it can again: who
 * collects traces may be away for hours, and nothing waits for him.
 */
export class SpanOutlet implements SpanProcessor {
  readonly #options: SpanOutletOptions;
  readonly #batch: SpanProcessor;
  #waiting = 0;
  #failing = false;

  constructor(options: SpanOutletOptions) {
    this.#options = options;
    const { exporter, mask } = options;
    this.#batch = options.batchOf(
      {
        export: (spans, done) => {
          const told = maskedSpans(spans, mask);
          exporter.export(told, (result) => {
            // 0 is success, in all versions.
            this.#sent(
              spans.length,
              Number(result.code) === 0 ? undefined : (result.error ?? new Error("unknown")),
            );
            done(result);
          });
        },
        forceFlush: async () => exporter.forceFlush?.(),
        shutdown: () => exporter.shutdown(),
      },
      MAX_WAITING,
    );
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#waiting >= MAX_WAITING) return this.#options.onDropped(1, "queue_full");
    this.#waiting++;
    this.#batch.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batch.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batch.shutdown();
  }

  #sent(spans: number, error: Error | undefined): void {
    const { logger, onExported, onDropped } = this.#options;
    this.#waiting -= spans;
    if (error === undefined) {
      onExported(spans);
      if (this.#failing) logger.info({ event: "traces.back" }, "traces are exported again");
      this.#failing = false;
      return;
    }
    onDropped(spans, "export_failed");
    if (!this.#failing) {
      const why = this.#options.mask(error.message);
      logger.warn(
        { event: "traces.away", why },
        "traces cannot be exported; spans are dropped and counted until they can",
      );
    }
    this.#failing = true;
  }
}
