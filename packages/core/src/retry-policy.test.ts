import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RetryOptions, backoff, retryDelayMs, retryPolicy } from "./retry-policy.ts";

describe("retryPolicy", () => {
  test("fills in five attempts, one second, doubling, and a quarter of an hour", () => {
    expect(retryPolicy()).toEqual({
      maxAttempts: 5,
      firstDelayMs: 1000,
      factor: 2,
      maxDelayMs: 900_000,
      maxElapsedMs: null,
      budget: null,
      rules: 0,
    });
  });

  test("takes a bound of time and a budget", () => {
    const options = { maxElapsed: "1h", budget: { limit: 100, per: "1m" } } as const;
    expect(retryPolicy(options, 2)).toMatchObject({
      maxElapsedMs: 3_600_000,
      budget: { limit: 100, perMs: 60_000 },
      rules: 2,
    });
  });

  test.each<[RetryOptions, string]>([
    [{ maxAttempts: 0 }, "retry.maxAttempts"],
    [{ maxAttempts: 1001 }, "retry.maxAttempts"],
    [{ maxAttempts: 2.5 }, "retry.maxAttempts"],
    [{ factor: 0.5 }, "retry.factor"],
    [{ factor: NaN }, "retry.factor"],
    [{ firstDelay: "soon" as "1s" }, "retry.firstDelay"],
    [{ attempts: 3 } as RetryOptions, "retry.attempts is not an option"],
    [{ maxElapsed: "long" as "1s" }, "retry.maxElapsed"],
    [{ budget: { limit: 0, per: "1m" } }, "retry.budget.limit"],
    [{ budget: { limit: 1.5, per: "1m" } }, "retry.budget.limit"],
    [{ budget: { limit: 1, per: "10ms" } }, "retry.budget.per"],
    [{ budget: { limit: 1, per: "2d" } }, "retry.budget.per"],
    [{ budget: { limit: 1, each: "1m" } } as unknown as RetryOptions, "retry.budget.each"],
  ])("refuses %j and names it", (options, message) => {
    expect(() => retryPolicy(options)).toThrow(message);
  });
});

test("a backoff of its own takes from the job's what it does not say, and knows no budget", () => {
  const base = retryPolicy({ factor: 3, maxAttempts: 7 });
  expect(backoff({ firstDelay: "5s" }, base, "rule")).toEqual({
    maxAttempts: 7,
    firstDelayMs: 5000,
    factor: 3,
    maxDelayMs: 900_000,
  });
  expect(() => backoff({ budget: 1 } as never, base, "a rule")).toThrow("a rule.budget is not an");
});

describe("retryDelayMs", () => {
  const policy = retryPolicy({ firstDelay: "1s", factor: 3, maxDelay: "10s" });

  test("its bound grows by the factor from retry to retry, up to the longest delay", () => {
    const almostOne = 1 - Number.EPSILON;
    expect([1, 2, 3, 4, 400].map((n) => retryDelayMs(policy, n, almostOne))).toEqual([
      1000, 3000, 9000, 10_000, 10_000,
    ]);
  });

  test("is spread evenly over the whole bound: full jitter", () => {
    expect([0, 0.25, 0.5].map((random) => retryDelayMs(policy, 2, random))).toEqual([0, 750, 1500]);
  });

  test("is always a whole number from 0 to the longest delay", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        (failures, random, factor) => {
          const delay = retryDelayMs({ ...policy, factor }, failures, random);
          return Number.isInteger(delay) && delay >= 0 && delay <= policy.maxDelayMs;
        },
      ),
    );
  });
});
