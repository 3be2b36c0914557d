import { expect, test } from "vitest";
import { AwakeClock } from "./awake-clock.ts";

test("time in which the process could not do anything does not count", () => {
  let at = 5000;
  const clock = new AwakeClock(() => at);
  const begun = clock.now();
  at += 400;
  expect(clock.now() - begun).toBe(400);
  // It was stopped for an hour.
  at += 3_600_000;
  expect(clock.now() - begun).toBe(1400);
});
