import { expect, test } from "vitest";
import { restMs } from "./rate-limits.ts";

const NOW = new Date("2026-11-26T12:00:00Z");

test.each([
  [200, {}, 0],
  [429, {}, 60_000],
  [429, { "retry-after": "7" }, 7000],
  [429, { "retry-after": "Thu, 26 Nov 2026 12:00:09 GMT" }, 9000],
  [429, { "retry-after": "soon" }, 60_000],
  [429, { "retry-after": "99999999999" }, 86_400_000],
  [200, { "x-sentry-rate-limits": "60:error:organization" }, 60_000],
  [200, { "x-sentry-rate-limits": "60::organization" }, 60_000],
  [
    200,
    { "x-sentry-rate-limits": "60:transaction:key, 2700:default;error;security:project" },
    2_700_000,
  ],
  [429, { "x-sentry-rate-limits": "60:transaction:key", "retry-after": "7" }, 0],
  [200, { "x-sentry-rate-limits": "what:error:key" }, 60_000],
])("an answer of %i with %j lets errors rest for %i ms", (status, headers, ms) => {
  expect(restMs(status, new Headers(headers as Record<string, string>), NOW)).toBe(ms);
});
