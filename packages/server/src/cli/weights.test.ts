import { expect, test } from "vitest";
import { readWeights, weightsInWords } from "./weights.ts";

test("a bare name weighs 1, blanks do not matter, and the order stays", () => {
  const weights = readWeights(["urgent=5", "default", "a/b = 1000"])!;
  expect([...weights]).toEqual([
    ["urgent", 5],
    ["default", 1],
    ["a/b", 1000],
  ]);
  expect(weightsInWords(weights)).toBe("urgent (5), default, a/b (1000)");
});

test.each(["a=0", "a=1001", "a=-1", "a=1.5", "a=", "a=b", "a=1=2", "=3", "A", "a=1e2"])(
  "%j is not a queue with a weight",
  (item) => {
    expect(readWeights(["default", item])).toBeUndefined();
  },
);

test("a list without a queue is refused: a worker that takes from none does nothing", () => {
  expect(readWeights([])).toBeUndefined();
});

test("a queue that is named twice is refused: which weight should hold?", () => {
  expect(readWeights(["a=2", "a"])).toBeUndefined();
});
