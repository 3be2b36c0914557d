import { expect, test } from "vitest";
import { NonRetryableError, RetryAfterError, isNonRetryable, retryAfterMs } from "./errors.ts";

test("a mark is found on the error and on its causes, also from another copy of the package", () => {
  const foreign = Object.assign(new Error("x"), {
    [Symbol.for("millrace.NonRetryableError")]: true,
  });
  expect(isNonRetryable(new NonRetryableError("no"))).toBe(true);
  expect(isNonRetryable(new Error("outer", { cause: foreign }))).toBe(true);
  expect(isNonRetryable(new Error("plain"))).toBe(false);
  expect(isNonRetryable(null)).toBe(false);
});

test("a wait is taken in milliseconds or up to an instant, and is never negative", () => {
  expect(retryAfterMs(new RetryAfterError("429", 1500))).toBe(1500);
  expect(retryAfterMs(new RetryAfterError("429", new Date(0)))).toBe(0);
  const inAMinute = retryAfterMs(new RetryAfterError("429", new Date(Date.now() + 60_000)))!;
  expect(inAMinute).toBeGreaterThan(50_000);
  expect(retryAfterMs(new Error("plain"))).toBeUndefined();
  expect(() => new RetryAfterError("429", new Date("nonsense"))).toThrow("not a time");
});

test("a chain of causes that is a cycle ends", () => {
  const error = new Error("a");
  error.cause = error;
  expect(isNonRetryable(error)).toBe(false);
});
