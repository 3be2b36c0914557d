import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RetryOptions, retryDelayMs, retryPolicy } from "./retry-policy.ts";

describe("retryPolicy", () => {
  test("fills in five attempts, one second, doubling, and a quarter of an hour", () => {
    expect(retryPolicy()).toEqual({
      maxAttempts: 5,
      firstDelayMs: 1000,
      factor: 2,
      maxDelayMs: 900_000,
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
  ])("refuses %j and names it", (options, message) => {
    expect(() => retryPolicy(options)).toThrow(message);
  });
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
