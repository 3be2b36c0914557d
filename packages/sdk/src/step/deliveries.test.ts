import { afterEach, expect, test, vi } from "vitest";
import { Deliveries } from "./deliveries.ts";

afterEach(() => {
  vi.useRealTimers();
});

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve));

function ordered(recorded: number[]) {
  const given: number[] = [];
  const deliveries = new Deliveries((seq) => new Error(`stuck at ${seq}`));
  deliveries.expect(recorded);
  const ask = (seq: number) => deliveries.turn(seq).then(() => void given.push(seq));
  return { deliveries, given, ask };
}

test("what is on record is given in its order, whatever the order in which it is asked for", async () => {
  const { given, ask } = ordered([2, 5, 9]);
  const asked = [9, 5, 2].map(ask);
  await Promise.all(asked);
  expect(given).toEqual([2, 5, 9]);
});

test("each is given in a turn of the event loop of its own, so that who got the one before has gone on", async () => {
  const { given, ask } = ordered([1, 2]);
  void ask(1);
  void ask(2);
  await Promise.resolve();
  await Promise.resolve();
  expect(given).toEqual([1]);
  await turnOfLoop();
  await turnOfLoop();
  expect(given).toEqual([1, 2]);
});

test("what is new comes after all that is on record, and in the order of its numbers", async () => {
  const { deliveries, given, ask } = ordered([3]);
  const [first, second] = [deliveries.issue(), deliveries.issue()];
  expect([first, second]).toEqual([4, 5]);
  const later = [ask(second), ask(first)];
  await turnOfLoop();
  expect(given).toEqual([]);
  await Promise.all([ask(3), ...later]);
  expect(given).toEqual([3, 4, 5]);
});

test("a number under which nothing came is passed over", async () => {
  const { deliveries, given, ask } = ordered([]);
  const [first, second] = [deliveries.issue(), deliveries.issue()];
  const asked = ask(second);
  await turnOfLoop();
  expect(given).toEqual([]);
  deliveries.drop(first);
  await asked;
  expect(given).toEqual([2]);
});

test("whoever waits for a checkpoint that the handler does not come to is told so after half a minute", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { ask } = ordered([1, 2]);
  const asked = ask(2);
  vi.advanceTimersByTime(30_000);
  await expect(asked).rejects.toThrow("stuck at 1");
  await expect(ask(1)).rejects.toThrow("stuck at 1");
});
