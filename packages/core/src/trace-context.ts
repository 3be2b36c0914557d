/** The trace in which a run was asked for, as W3C Trace Context has it. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the span that asked for the run. */
  readonly spanId: string;
  /** 1 for a trace that is recorded. */
  readonly flags: number;
  /** What `tracestate` says. */
  readonly state: string | undefined;
  /** The run begins a trace of its own, which only refers to this one. */
  readonly linked: boolean;
}

const CARRIED = /^(~?)00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?: ([\x20-\x7e]{1,512}))?$/;

/**
 * What a run carries of the trace in which it was asked for: a `traceparent`, and after a blank the `tracestate`, where there is one; before it a
 * `~` where the run only refers to that trace.
 *
 * @returns undefined for what is none, since anybody may have written it
 */
export function readTraceContext(text: string | null | undefined): TraceContext | undefined {
  const [, mark, traceId, spanId, flags, state] = CARRIED.exec(text ?? "") ?? [];
  if (!traceId || !spanId || !flags || /^0+$/.test(traceId) || /^0+$/.test(spanId)) {
    return undefined;
  }
  return { traceId, spanId, flags: Number.parseInt(flags, 16), state, linked: mark === "~" };
}

/** The same, written. */
export function traceContextText(context: TraceContext): string {
  const { traceId, spanId, flags, state, linked } = context;
  const parent = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
  return `${linked ? "~" : ""}${parent}${state ? ` ${state}` : ""}`;
}
