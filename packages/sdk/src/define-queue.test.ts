import { expect, test } from "vitest";
import { type QueueOptions, defineQueue, isQueue } from "./define-queue.ts";

test("a queue has its limits as the database keeps them, and null for those that it has not", () => {
  const queue = defineQueue({
    name: "reports",
    concurrency: 4,
    rateLimit: { limit: 120, per: "1m" },
    maxDepth: 5000,
  });
  expect(queue).toEqual({
    name: "reports",
    concurrency: 4,
    rate: { limit: 120, perMs: 60_000, burst: 1 },
    maxDepth: 5000,
  });
  expect(isQueue(queue)).toBe(true);
  expect(isQueue({ ...queue })).toBe(false);
  expect(Object.isFrozen(queue)).toBe(true);
  expect(defineQueue({ name: "open" })).toEqual({
    name: "open",
    concurrency: null,
    rate: null,
    maxDepth: null,
  });
});

test.each<[Record<string, unknown>, string]>([
  [{ name: "Bad Name" }, "name"],
  [{}, "name"],
  [{ name: "q", limit: 3 }, "queue q: limit is not an option"],
  [{ name: "q", concurrency: 0 }, "queue q: concurrency: 0 is not a whole number from 1 to 100000"],
  [{ name: "q", concurrency: 1.5 }, "concurrency"],
  [{ name: "q", concurrency: { limit: 2 } }, "concurrency"],
  [{ name: "q", maxDepth: 0 }, "queue q: maxDepth: 0 is not a whole number from 1 to 100000000"],
  [{ name: "q", maxDepth: 1.5 }, "maxDepth"],
  [{ name: "q", maxDepth: "9" }, "maxDepth"],
  [{ name: "q", rateLimit: { limit: 0, per: "1s" } }, "rateLimit.limit"],
  [{ name: "q", rateLimit: { limit: 5, per: "31d" } }, "rateLimit.per"],
  [{ name: "q", rateLimit: { limit: 5, per: "1s", burst: 0.5 } }, "rateLimit.burst"],
  [{ name: "q", rateLimit: { limit: 5, per: "1s", cost: 2 } }, "rateLimit.cost: it belongs to"],
  [{ name: "q", rateLimit: { limit: 5, per: "1s", key: "a" } }, "rateLimit.key: it belongs to"],
  [{ name: "q", rateLimit: { limit: 5, per: "1s", every: 2 } }, "rateLimit.every"],
])("refuses %j when the module is loaded", (options, message) => {
  expect(() => defineQueue(options as unknown as QueueOptions)).toThrow(message);
  expect(() => defineQueue(options as unknown as QueueOptions)).toThrow(
    expect.objectContaining({ name: "MillraceError" }),
  );
});
