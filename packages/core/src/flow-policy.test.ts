import { describe, expect, test } from "vitest";
import { type FlowOptions, flowPolicy, rateOf } from "./flow-policy.ts";

describe("flowPolicy", () => {
  test("without options limits nothing", () => {
    expect(flowPolicy({})).toEqual({});
  });

  test("keeps a limit by key apart from that of the whole job, and one cost for both rates", () => {
    expect(
      flowPolicy({
        concurrency: [{ limit: 10 }, { key: "customer.id", limit: 2, whenFull: "skip" }],
        rateLimit: [
          { limit: 100, per: "1m", cost: "pages" },
          { key: "customer.id", limit: 10, per: "1s", burst: 20, cost: "pages" },
        ],
        fairBy: "customer.id",
        startWithin: "0s",
        ttl: "1h",
      }),
    ).toEqual({
      key: ["customer", "id"],
      keyLimit: 2,
      jobLimit: 10,
      whenFull: "skip",
      keyRate: { limit: 10, perMs: 1000, burst: 20 },
      jobRate: { limit: 100, perMs: 60_000, burst: 1 },
      cost: ["pages"],
      startWithinMs: 0,
      ttlMs: 3_600_000,
    });
  });

  test("has debounce without end unless it is told when, and keys that may be absent", () => {
    expect(flowPolicy({ debounce: { wait: "5s" } }).collapse).toEqual({
      mode: "debounce",
      key: null,
      waitMs: 5000,
      maxWaitMs: 36_500 * 86_400_000,
    });
    expect(flowPolicy({ throttle: { key: "a", per: "1h" } }).collapse).toEqual({
      mode: "throttle",
      key: ["a"],
      perMs: 3_600_000,
    });
    expect(flowPolicy({ batch: { size: 250, wait: "0ms" } }).batch).toEqual({
      size: 250,
      waitMs: 0,
    });
  });

  const limit = { key: "a", limit: 1 };
  const rate = { limit: 1, per: "1s" } as const;

  test.each<[unknown, string]>([
    [{ concurrency: { limit: 0 } }, "concurrency.limit: 0 is not a whole number from 1 to 100000"],
    [{ concurrency: { limit: 1.5 } }, "concurrency.limit"],
    [{ concurrency: { limit: 100_001 } }, "concurrency.limit"],
    [{ concurrency: { limit: "2" } }, "concurrency.limit"],
    [{ concurrency: {} }, "concurrency.limit"],
    [
      { concurrency: { ...limit, max: 1 } },
      "concurrency.max: it is not an option; the options are key",
    ],
    [{ concurrency: [limit, limit] }, "concurrency: it has two limits by key"],
    [{ concurrency: [{ limit: 1 }, { limit: 2 }] }, "it has two limits without a key"],
    [
      { concurrency: { ...limit, whenFull: "drop" } },
      'concurrency.whenFull: "drop" is none of wait, skip',
    ],
    [{ concurrency: { limit: 1, whenFull: "skip" } }, "concurrency.whenFull: skip needs a key"],
    [
      { concurrency: { ...limit, whenFull: "skip" }, batch: { size: 2, wait: "1s" } },
      "together with batch",
    ],
    [{ concurrency: { ...limit, key: "" } }, 'concurrency.key: "" is not a path'],
    [{ concurrency: { ...limit, key: "a..b" } }, "is not a path into the input"],
    [{ concurrency: { ...limit, key: "a.b.c.d.e.f.g.h.i.j.k" } }, "is not a path"],
    [{ concurrency: { ...limit, key: 7 } }, "concurrency.key: 7 is not a path"],
    [{ concurrency: limit, fairBy: "b" }, 'fairBy: "b" is another key than "a" of concurrency.key'],
    [
      { concurrency: limit, rateLimit: { ...rate, key: "b" } },
      "the limits of one job share one key",
    ],
    [{ rateLimit: { limit: 0, per: "1s" } }, "rateLimit.limit: 0 is not a number above 0"],
    [{ rateLimit: { limit: Infinity, per: "1s" } }, "rateLimit.limit"],
    [{ rateLimit: { limit: 2e9, per: "1s" } }, "rateLimit.limit"],
    [{ rateLimit: { limit: 1, per: "0s" } }, "rateLimit.per: it must be from 1ms to 30d"],
    [{ rateLimit: { limit: 1, per: "31d" } }, "rateLimit.per"],
    [{ rateLimit: { limit: 1, per: "1 second" } }, "rateLimit.per"],
    [{ rateLimit: { ...rate, burst: 0.5 } }, "rateLimit.burst: 0.5 is not a number from 1"],
    [{ rateLimit: { ...rate, burst: NaN } }, "rateLimit.burst"],
    [{ rateLimit: { ...rate, cost: 0 } }, "rateLimit.cost: 0 is not a number above 0"],
    [{ rateLimit: { ...rate, cost: "a." } }, "rateLimit.cost"],
    [{ rateLimit: { ...rate, every: 1 } }, "rateLimit.every: it is not an option"],
    [{ rateLimit: [rate, rate] }, "rateLimit: it has two rates without a key"],
    [
      {
        rateLimit: [
          { ...rate, cost: 1 },
          { ...rate, key: "a", cost: 2 },
        ],
      },
      "both rates of a job count the same cost",
    ],
    [{ startWithin: "soon" }, "startWithin"],
    [{ ttl: "0s" }, "ttl: it must be longer than nothing"],
    [{ debounce: { wait: "0s" } }, "debounce.wait: it must be longer than nothing"],
    [
      { debounce: { wait: "10s", maxWait: "5s" } },
      "debounce.maxWait: it is shorter than debounce.wait",
    ],
    [{ debounce: { wait: "1s", max: "5s" } }, "debounce.max: it is not an option"],
    [{ debounce: { wait: "1s", key: ".a" } }, "debounce.key"],
    [{ throttle: { per: "0s" } }, "throttle.per"],
    [{ throttle: { per: "1s", limit: 2 } }, "throttle.limit: it is not an option"],
    [{ debounce: { wait: "1s" }, throttle: { per: "1s" } }, "debounce or throttle, not both"],
    [{ batch: { size: 1, wait: "1s" } }, "batch.size: 1 is not a whole number from 2 to 250"],
    [{ batch: { size: 251, wait: "1s" } }, "batch.size"],
    [{ batch: { size: 2, wait: "2d" } }, "batch.wait: it must be from 0ms to 1d"],
    [{ batch: { size: 2, wait: "1s", of: 3 } }, "batch.of: it is not an option"],
  ])("refuses %j and names the option", (options, message) => {
    expect(() => flowPolicy(options as FlowOptions)).toThrow(message);
  });
});

test("a rate without a burst lets start at once what a tenth of a second allows, one at the least", () => {
  expect(rateOf({ limit: 1000, per: "1s" }, "rate").burst).toBe(100);
  expect(rateOf({ limit: 5, per: "1m" }, "rate").burst).toBe(1);
  expect(rateOf({ limit: 15, per: "1s" }, "rate").burst).toBe(2);
});
