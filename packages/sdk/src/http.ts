/**
 * What makes the calls of `ctx.fetch`, for whoever runs handlers: a worker, a test kit. Authors of jobs need none of it.
 */
export { AllowedHosts } from "./http/allowed-hosts.ts";
export { OutboundGuard, type Address, type Resolve } from "./http/outbound-guard.ts";
export { HttpClient, type HttpClientOptions, type HttpTry } from "./http/http-client.ts";
export { AttemptCalls, type Caller } from "./http/attempt-calls.ts";
export type { CallRecord } from "./http/http-call.ts";
export type { HttpClock } from "./http/http-clock.ts";
export { SecretHeader, type SecretHeaderParts } from "./http/host-secret.ts";
export { type FetchOrder, orderOf } from "./http/fetch-order.ts";
export { type TimeLimit, timeLimit } from "./http/time-limit.ts";
export { traceIdOf } from "./http/trace-context.ts";
