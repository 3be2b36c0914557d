import { expect, test } from "vitest";
import { Breaker } from "./breaker.ts";

test("a breaker opens after failures in a row, lets one call try when its time is over, and closes when that succeeds", () => {
  let now = 0;
  const breaker = new Breaker({ failures: 3, openMs: 1000 }, () => now);
  expect([breaker.failed(), breaker.failed()]).toEqual([false, false]);
  breaker.succeeded();
  expect([breaker.failed(), breaker.failed(), breaker.failed()]).toEqual([false, false, true]);
  now = 400;
  expect([breaker.enter(), breaker.restMs]).toEqual([600, 600]);
  now = 1000;
  expect(breaker.enter(), "one tries").toBeUndefined();
  expect(breaker.enter(), "and no other meanwhile").toBe(1000);
  expect(breaker.failed(), "it is open again").toBe(true);
  expect(breaker.enter()).toBe(1000);
  now = 2000;
  expect(breaker.enter()).toBeUndefined();
  breaker.left();
  expect(breaker.enter(), "who gave up says nothing").toBeUndefined();
  breaker.succeeded();
  expect([breaker.enter(), breaker.enter(), breaker.calm]).toEqual([undefined, undefined, true]);
});

test("calls that were under way when a breaker opened do not keep it open", () => {
  let now = 0;
  const breaker = new Breaker({ failures: 1, openMs: 1000 }, () => now);
  expect(breaker.failed()).toBe(true);
  now = 900;
  expect(breaker.failed()).toBe(false);
  now = 1000;
  expect(breaker.enter()).toBeUndefined();
});
