/** What steps, calls and runs have to do with traces, for whoever runs handlers. Authors of jobs need none of it. */
export { boundedName } from "./tracing/bounded-name.ts";
export { carriedBy, carriedHere, sampledSpan, spanContextOf } from "./tracing/carried.ts";
export { failSpan, inSpan, TRACER } from "./tracing/in-span.ts";
