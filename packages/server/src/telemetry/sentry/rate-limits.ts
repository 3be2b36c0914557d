/** How long nothing is sent after a 429 that does not say. */
const DEFAULT_MS = 60_000;

/** A server that asks for more has erred; then it is asked again. */
const MAX_MS = 86_400_000;

/**
 * For how long a server wants no errors, by its answer: `X-Sentry-Rate-Limits`, which any answer may have, else `Retry-After` of a 429
 * (develop.sentry.dev/sdk/expected-features/rate-limiting). 0 when it takes more.
 */
export function restMs(status: number, headers: Headers, now: Date): number {
  const limits = headers.get("x-sentry-rate-limits");
  if (limits !== null) return Math.max(0, ...limits.split(",").map(limitOnErrors));
  return status === 429 ? retryAfterMs(headers.get("retry-after"), now) : 0;
}

/** `seconds:categories:scope:…`; no category means all of them. */
function limitOnErrors(limit: string): number {
  const [seconds = "", categories = ""] = limit.trim().split(":");
  const named = categories.split(";").filter((category) => category !== "");
  if (named.length > 0 && !named.includes("error")) return 0;
  return /^\d+(\.\d+)?$/.test(seconds) ? bounded(Number(seconds) * 1000) : DEFAULT_MS;
}

function retryAfterMs(text: string | null, now: Date): number {
  if (text !== null && /^\d+$/.test(text)) return bounded(Number(text) * 1000);
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? DEFAULT_MS : bounded(at - now.getTime());
}

function bounded(ms: number): number {
  return Math.min(MAX_MS, Math.max(0, ms));
}
