import fc from "fast-check";
import { expect, test } from "vitest";
import { QueueTurns } from "./queue-turns.ts";

const weighted = fc
  .array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })
  .map((weights) => new Map(weights.map((weight, n) => [`q${n}`, weight])));

test("bare names take turns one after the other", () => {
  const turns = new QueueTurns(["a", "b", "c"]);
  const first = Array.from({ length: 6 }, () => turns.next()[0]);
  expect(first).toEqual(["a", "b", "c", "a", "b", "c"]);
});

test("a heavier queue is spread over the cycle, not served in one go", () => {
  const turns = new QueueTurns(
    new Map([
      ["urgent", 5],
      ["default", 1],
      ["slow", 1],
    ]),
  );
  const first = Array.from({ length: 7 }, () => turns.next()[0]);
  expect(first.filter((name) => name === "urgent")).toHaveLength(5);
  expect(first.join(" ")).not.toContain("urgent urgent urgent urgent");
});

test("over a cycle each queue has the first choice exactly as often as it weighs", () => {
  fc.assert(
    fc.property(weighted, (weights) => {
      const turns = new QueueTurns(weights);
      const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
      for (let cycle = 0; cycle < 3; cycle++) {
        const first = Array.from({ length: total }, () => turns.next()[0]!);
        for (const [name, weight] of weights) {
          expect(first.filter((one) => one === name)).toHaveLength(weight);
        }
      }
    }),
  );
});

test("every queue is asked in every turn, so that none starves while others are empty", () => {
  fc.assert(
    fc.property(weighted, (weights) => {
      const turns = new QueueTurns(weights);
      for (let n = 0; n < 50; n++) expect(turns.next().sort()).toEqual([...weights.keys()].sort());
    }),
  );
});

test("a worker without queues asks none", () => {
  expect(new QueueTurns([]).next()).toEqual([]);
});
