import { expect, test } from "vitest";
import type { Part } from "./plan-look.ts";
import { lookThrough } from "./look-through.ts";

test("a page is filled by looking at little more than what it takes, however far back that is", async () => {
  const part: Part = {
    ...{ source: "all", sought: {}, below: "f", least: "0", projects: null },
  };
  const wanted = 200;
  const every = 333;
  const windows: number[] = [];
  const looked = () => windows.reduce((sum, one) => sum + one, 0);
  const through = await lookThrough(
    [part],
    () => 1000,
    (_part, _below, window) => {
      windows.push(window);
      const found = Math.min(wanted, Math.floor(looked() / every));
      return Promise.resolve({ looked: window, end: String(looked()), share: found / wanted });
    },
  );
  expect(through).toMatchObject({ ended: false, looked: looked() });
  expect(looked()).toBeGreaterThanOrEqual(wanted * every);
  expect(looked()).toBeLessThan(wanted * every * 1.1);
  expect(windows.length).toBeLessThan(12);
});

test("what lies close together does not keep a search from going far by large windows", async () => {
  const part: Part = {
    ...{ source: "all", sought: {}, below: "f", least: "0", projects: null },
  };
  let [looked, windows] = [0, 0];
  await lookThrough(
    [part],
    () => 1000,
    (_part, _below, window) => {
      looked += window;
      windows++;
      return Promise.resolve({
        ...{ looked: window, end: looked < 1_000_000 ? String(looked) : null, share: 199 / 200 },
      });
    },
  );
  expect(windows).toBeLessThan(30);
});
