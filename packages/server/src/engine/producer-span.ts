import { type Link, SpanKind, trace } from "@opentelemetry/api";
import { readTraceContext } from "@millrace/core";
import { TRACER, carriedBy, failSpan, sampledSpan, spanContextOf } from "@millrace/sdk/tracing";
import type { EnqueueResult, EnqueuedRun } from "./enqueue.ts";

/** A back end shows a few, and what is handed over is bounded. */
const MAX_LINKS = 32;

/** What is enqueued together. */
export interface Produced {
  /** Of the span: of a bounded set. */
  readonly name: string;
  /** The job, where it is one. */
  readonly job?: string | undefined;
  /** How many runs. */
  readonly runs: number;
  /** The schedule whose occurrence it is. */
  readonly schedule?: string | undefined;
  /** What runs that are run again were carrying. */
  readonly links?: readonly (string | null)[] | undefined;
  /** It is caused by nothing that has a span: it begins a trace. Default: where nothing is traced, neither is this. */
  readonly root?: boolean | undefined;
}

/** A span that asks for runs, between its beginning and the answer. */
export interface Producing {
  /** What the runs are to carry; undefined where nothing is recorded. */
  readonly carried: string | undefined;
  end(results: readonly (EnqueueResult | EnqueuedRun)[]): void;
  fail(error: unknown): void;
}

const NOT_TRACED: Producing = { carried: undefined, end() {}, fail() {} };

/** Begins the span of what asks for runs: one, however many they are. */
export function produce({ name, job, runs, schedule, links, root }: Produced): Producing {
  if (!root && !sampledSpan()) return NOT_TRACED;
  const span = trace.getTracer(TRACER).startSpan(name, {
    kind: SpanKind.PRODUCER,
    links: (links ?? []).flatMap(linkTo).slice(0, MAX_LINKS),
    attributes: {
      "messaging.system": "millrace",
      "messaging.operation.name": "enqueue",
      "messaging.operation.type": "send",
      ...(job !== undefined && { "millrace.job": job }),
      ...(schedule !== undefined && { "millrace.schedule": schedule }),
      ...(runs > 1 && { "messaging.batch.message_count": runs }),
    },
  });
  const carried = carriedBy(span.spanContext());
  if (carried === undefined) {
    span.end();
    return NOT_TRACED;
  }
  return {
    carried,
    end: (results) => {
      const [first] = results;
      const run = first && ("run" in first ? first.run : "id" in first ? first : undefined);
      if (runs === 1 && run) {
        span.setAttribute("millrace.run_id", run.id);
        span.setAttribute("messaging.message.id", run.id);
      }
      if (run) {
        span.setAttribute("millrace.queue", run.queue);
        span.setAttribute("messaging.destination.name", run.queue);
      }
      span.end();
    },
    fail: (error) => {
      failSpan(span, error);
      span.end();
    },
  };
}

/** The same around what asks for them. */
export async function producing<Result extends EnqueueResult | EnqueuedRun>(
  what: Produced,
  enqueue: (carried: string | undefined) => Promise<Result[]>,
): Promise<Result[]> {
  const span = produce(what);
  if (span === NOT_TRACED) return enqueue(undefined);
  try {
    const results = await enqueue(span.carried);
    span.end(results);
    return results;
  } catch (error) {
    span.fail(error);
    throw error;
  }
}

function linkTo(carried: string | null): Link[] {
  const read = readTraceContext(carried);
  return read ? [{ context: spanContextOf(read) }] : [];
}
