import { expect, test } from "vitest";
import { boundByMachine } from "./machine.ts";

const BOUND = { maxCpu: 0.9, minFreeBytes: 100 };

test("a machine with room gets what is wanted", () => {
  expect(boundByMachine(5, 2, 1, { cpu: 0.5, freeBytes: 500 }, BOUND)).toEqual({ workers: 5 });
  expect(boundByMachine(1, 2, 1, { cpu: 1, freeBytes: 1 }, BOUND)).toEqual({ workers: 1 });
});

test("busy CPUs get no more workers, and short memory one less, but never below the least", () => {
  const busy = { cpu: 0.95, freeBytes: 500 };
  expect(boundByMachine(5, 2, 1, busy, BOUND)).toMatchObject({ workers: 2 });
  const short = { cpu: 0.1, freeBytes: 99 };
  expect(boundByMachine(5, 3, 1, short, BOUND)).toMatchObject({ workers: 2 });
  expect(boundByMachine(5, 1, 1, short, BOUND)).toMatchObject({ workers: 1 });
  expect(boundByMachine(5, 0, 2, busy, BOUND)).toMatchObject({ workers: 2 });
});
