import { SpanKind, TraceFlags, isSpanContextValid, trace } from "@opentelemetry/api";
import type * as SdkTrace from "@opentelemetry/sdk-trace";

type Sampler = SdkTrace.Sampler;

/** Requests that may change something: they have such a method, and a route. All others only look, or find nothing. */
const ASKS = /^(POST|PUT|PATCH|DELETE) ./;

export interface TraceLimit {
  /** How many traces a process begins, or takes up from callers, in a second at the most; and as many of requests that only read, or that no route takes. */
  readonly perSecond: number;
  /** Told of each that would be recorded, and is not. */
  readonly onSkipped: () => void;
}

/**
 * Records no more traces than so many in a second, whatever comes: what is recorded costs, and what is asked of a process is not its to decide. A trace
 * that was taken up elsewhere is heeded, so that none has holes; only a request of a caller is like one that begins here.
 *
 * @param skipped the decision that a span is not recorded
 */
export function limitTraces(
  inner: Sampler,
  limit: TraceLimit,
  skipped: SdkTrace.SamplingDecision,
): Sampler {
  const reads = new Budget(limit.perSecond);
  const others = new Budget(limit.perSecond);
  return {
    shouldSample(context, traceId, name, kind, attributes, links) {
      const result = inner.shouldSample(context, traceId, name, kind, attributes, links);
      if (result.decision === skipped) return result;
      const parent = trace.getSpanContext(context);
      const begins = !parent || !isSpanContextValid(parent);
      if (!begins && kind !== SpanKind.SERVER) {
        // Below one of this process that was skipped, which not every sampler asks for.
        const isHole = !parent.isRemote && (parent.traceFlags & TraceFlags.SAMPLED) === 0;
        return isHole ? { decision: skipped } : result;
      }
      // Who looks on, as dashboards do, and does so ever again, must not hide what somebody has asked for.
      const budget = kind === SpanKind.SERVER && !ASKS.test(name) ? reads : others;
      if (budget.take()) return result;
      limit.onSkipped();
      return { decision: skipped };
    },
    toString: () => `LimitTraces{${limit.perSecond} a second, ${inner.toString()}}`,
  };
}

class Budget {
  readonly #perSecond: number;
  #second = 0;
  #left = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  take(): boolean {
    const now = Math.floor(performance.now() / 1000);
    if (now !== this.#second) {
      this.#second = now;
      this.#left = this.#perSecond;
    }
    return this.#left-- > 0;
  }
}
