import { TraceFlags, isSpanContextValid, trace } from "@opentelemetry/api";
import type * as SdkTrace from "@opentelemetry/sdk-trace";
import { limitTraces } from "./limit-traces.ts";

type Sdk = typeof SdkTrace;
type Sampler = SdkTrace.Sampler;

/** What OTEL_TRACES_SAMPLER names. */
export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** Which traces are recorded. */
export interface Sampling {
  readonly sampler: (typeof SAMPLERS)[number];
  /** Of the traces that begin here, from 0 to 1; of samplers by ratio alone. */
  readonly ratio: number;
  /** How many traces a process begins, or takes up from callers, in a second at the most. */
  readonly perSecond: number;
}

/** @param onSkipped told of each trace that would be recorded, and is not, because there were as many in this second already */
export function chooseSampler(
  sdk: Sdk,
  { sampler, ratio, perSecond }: Sampling,
  onSkipped: () => void,
): Sampler {
  const { NOT_RECORD, RECORD_AND_SAMPLED } = sdk.SamplingDecision;
  const limited = (inner: Sampler) => limitTraces(inner, { perSecond, onSkipped }, NOT_RECORD);
  const root = rootOf(sdk, sampler.replace("parentbased_", ""), ratio);
  if (!sampler.startsWith("parentbased_")) return limited(root);
  return withLinked(limited(new sdk.ParentBasedSampler({ root })), RECORD_AND_SAMPLED);
}

function rootOf(sdk: Sdk, name: string, ratio: number): Sampler {
  if (name === "always_off") return new sdk.AlwaysOffSampler();
  return name === "always_on" ? new sdk.AlwaysOnSampler() : new sdk.TraceIdRatioBasedSampler(ratio);
}

/** A span that begins a trace because of one that is recorded, as a retry does, is recorded, too: else the story would have holes. */
function withLinked(inner: Sampler, recorded: 2): Sampler {
  return {
    shouldSample(context, traceId, name, kind, attributes, links) {
      if (links.length === 0) {
        return inner.shouldSample(context, traceId, name, kind, attributes, links);
      }
      const parent = trace.getSpanContext(context);
      const begins = !parent || !isSpanContextValid(parent);
      const referred = links.some(({ context: { traceFlags } }) => traceFlags & TraceFlags.SAMPLED);
      if (begins && referred) return { decision: recorded };
      return inner.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `WithLinked{${inner.toString()}}`,
  };
}
