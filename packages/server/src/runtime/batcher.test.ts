import { expect, test } from "vitest";
import { Batcher } from "./batcher.ts";

/** A batcher whose batches end when the test says so. */
function held<Result>(answer: (items: number[]) => Result[], maxBatch = 100, lanes = 1) {
  const batches: { items: number[]; end: () => void }[] = [];
  const batcher = new Batcher<number, Result>(
    (items) =>
      new Promise((resolve, reject) => {
        batches.push({
          items,
          end: () => {
            try {
              resolve(answer(items));
            } catch (error) {
              reject(error instanceof Error ? error : new Error(String(error)));
            }
          },
        });
      }),
    maxBatch,
    lanes,
  );
  return { batcher, batches };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

test("what is added while a batch is under way goes together in the next", async () => {
  const { batcher, batches } = held((items) => items.map((n) => n * 10));
  const first = batcher.add(1);
  await tick();
  const rest = [2, 3, 4].map((n) => batcher.add(n));
  await tick();
  expect(batches.map((batch) => batch.items)).toEqual([[1]]);
  batches[0]!.end();
  expect(await first).toBe(10);
  await tick();
  expect(batches[1]!.items).toEqual([2, 3, 4]);
  batches[1]!.end();
  expect(await Promise.all(rest)).toEqual([20, 30, 40]);
  expect(batcher.pending).toBe(0);
});

test("what is added in one tick goes together, in batches of the largest size at the most", async () => {
  const { batcher, batches } = held((items) => items, 2, 2);
  const all = Promise.all([1, 2, 3, 4, 5].map((n) => batcher.add(n)));
  await tick();
  expect(batches.map((batch) => batch.items)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  batches[0]!.end();
  batches[1]!.end();
  await tick();
  batches[2]!.end();
  expect(await all).toEqual([1, 2, 3, 4, 5]);
});

test("a batch that fails rejects its own items, and the next one goes on", async () => {
  const { batcher, batches } = held((items) => {
    if (items.includes(1)) throw new Error("no");
    return items;
  });
  const first = batcher.add(1);
  await tick();
  const second = batcher.add(2);
  batches[0]!.end();
  await expect(first).rejects.toThrow("no");
  await tick();
  batches[1]!.end();
  expect(await second).toBe(2);
});
