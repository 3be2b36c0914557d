import { expect, test } from "vitest";
import { effectOf } from "./limit-effect.ts";

const QUEUE = { running: 12, ready: 100, held: 20, scheduled: 5, workers: 2 };
const NONE = { concurrency: null, rate: null, maxDepth: null };

test("a limit below what runs now says that they go on, and how many must end before one starts", () => {
  const [words] = effectOf(QUEUE, { ...NONE, concurrency: 5 });
  expect(words).toBe(
    "12 run now, 7 more than that: they go on, and none starts until 8 have ended.",
  );
});

test("a limit above what runs now says how many of those that wait may start", () => {
  expect(effectOf(QUEUE, { ...NONE, concurrency: 20 })[0]).toMatch(/up to 8 of 120 waiting/);
  expect(effectOf(QUEUE, { ...NONE, concurrency: 12 })[0]).toMatch(/when one has ended/);
  const idle = { ...QUEUE, running: 1, ready: 0, held: 0 };
  expect(effectOf(idle, { ...NONE, concurrency: 2 })[0]).toBe(
    "1 runs now; nothing waits to start beside.",
  );
});

test("a rate says how long what waits will take at the least", () => {
  const rate = { limit: 10, perMs: 60_000 };
  expect(effectOf(QUEUE, { ...NONE, rate })[1]).toBe(
    "At most 10 a minute start: the 120 that wait now take 12 min at the least.",
  );
});

test("a depth says whether new runs are refused at once", () => {
  expect(effectOf(QUEUE, { ...NONE, maxDepth: 100 })[2]).toMatch(
    /^125 wait now, so new runs are refused at once, until fewer than 100/,
  );
  expect(effectOf(QUEUE, { ...NONE, maxDepth: 1000 })[2]).toMatch(/875 more are taken/);
});
