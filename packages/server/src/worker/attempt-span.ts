import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  trace,
} from "@opentelemetry/api";
import { type TraceContext, readTraceContext } from "@millrace/core";
import { TRACER, spanContextOf } from "@millrace/sdk/tracing";
import type { Outcome, Settled } from "../engine/settle.ts";
import type { ClaimedRun } from "../store/claim.ts";
import { idsArePlanned, withPlannedIds } from "../telemetry/tracing/planned-ids.ts";

/** What an attempt came to, in the words of attempts. */
const OUTCOMES: Record<Outcome["verdict"], string> = {
  complete: "completed",
  continue: "completed",
  retry: "failed",
  fail: "failed",
  stop: "cancelled",
  release: "released",
  suspend: "released",
  park: "released",
  crash: "lost",
};

/** The span of one attempt, in which its handler is executed. */
export class AttemptSpan {
  readonly #span: Span;
  readonly #context: Context;
  readonly #beganAt = Date.now();
  readonly #startedAt = performance.now();
  #endedAt: number | undefined;

  private constructor(span: Span) {
    this.#span = span;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
  }

  /**
   * Of runs that carry a trace, and of those that came in by SQL, where nobody was who could have decided it: of all others it was decided, where they
   * were asked for, that they are not recorded.
   */
  static of(run: ClaimedRun): AttemptSpan | undefined {
    if (run.traceContext === null && run.trigger !== "sql") return undefined;
    const carried = readTraceContext(run.traceContext);
    const span = begin(run, carried);
    return span.isRecording() ? new AttemptSpan(span) : undefined;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** Does something within it, and all that comes of it. */
  within<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  /** The handler has ended; what comes after it is our own work. */
  handlerEnded(): void {
    this.#endedAt = this.#beganAt + performance.now() - this.#startedAt;
  }

  /** @param sealed the run is about somebody, and what its errors say is encrypted */
  end(outcome: Outcome, settled: Settled, sealed: boolean): void {
    const span = this.#span;
    const lost = settled === "lease lost";
    span.setAttribute("millrace.outcome", lost ? "lost" : OUTCOMES[outcome.verdict]);
    if (outcome.verdict === "suspend") span.setAttribute("millrace.waits", true);
    const failure = "failure" in outcome ? outcome.failure : undefined;
    if (failure) span.setAttribute("error.type", failure.class.slice(0, 100));
    if (lost || ["retry", "fail", "crash"].includes(outcome.verdict)) {
      const message = failure && !sealed ? failure.message.slice(0, 500) : undefined;
      span.setStatus({ code: SpanStatusCode.ERROR, ...(message && { message }) });
    }
    span.end(this.#endedAt);
  }

  /** Nobody knows what became of it. */
  abandon(): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(this.#endedAt);
  }
}

function begin(run: ClaimedRun, carried: TraceContext | undefined): Span {
  // Those after it are due to a failure, and come much later: a trace of their own each, which refers to what it is about.
  const again = run.failures + run.losses > 0;
  const within = carried && !carried.linked && !again ? spanContextOf(carried) : undefined;
  const parent = within ? trace.setSpanContext(ROOT_CONTEXT, within) : ROOT_CONTEXT;
  const options = {
    kind: SpanKind.CONSUMER,
    attributes: attributesOf(run),
    links: within ? [] : linksOf(run, carried),
  };
  const start = () => trace.getTracer(TRACER).startSpan(`process ${run.job}`, options, parent);
  return run.attempts === 0 ? withPlannedIds(firstIds(run.id), start) : start();
}

function attributesOf(run: ClaimedRun) {
  return {
    "messaging.system": "millrace",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": run.queue,
    "messaging.message.id": run.id,
    "millrace.run_id": run.id,
    "millrace.job": run.job,
    "millrace.queue": run.queue,
    "millrace.attempt": run.attempts + 1,
    "millrace.trigger": run.trigger,
    "millrace.waited_ms": Math.round(run.waitedMs),
  };
}

/**
 * To what asked for the run, and to its first attempt, where that has ended in order: that of a worker that died was never sent. Whether the first was
 * recorded nobody knows where it began a trace of its own accord; so a link to that one has no retry recorded.
 */
function linksOf(run: ClaimedRun, carried: TraceContext | undefined): Link[] {
  const links: Link[] = carried ? [{ context: spanContextOf(carried) }] : [];
  if (run.attempts === 0 || run.losses > 0 || !idsArePlanned()) return links;
  const { traceId, spanId } = firstIds(run.id);
  const first = {
    traceId: carried && !carried.linked ? carried.traceId : traceId,
    ...{ spanId, traceFlags: carried?.flags ?? TraceFlags.NONE, isRemote: true },
  };
  return [...links, { context: first, attributes: { "millrace.attempt": 1 } }];
}

/** Told by the run's id, so that later attempts, elsewhere, know them. */
function firstIds(runId: string): { traceId: string; spanId: string } {
  const traceId = runId.replaceAll("-", "");
  return { traceId, spanId: traceId.slice(16) };
}
