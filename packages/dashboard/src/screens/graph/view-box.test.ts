import { expect, test } from "vitest";
import { fitted, opened, showing, zoomed } from "./view-box.ts";

const WINDOW = { width: 400, height: 300 };

test("a small picture is shown as large as it is, in the middle", () => {
  expect(fitted({ width: 100, height: 100 }, WINDOW)).toEqual({ x: -150, y: -100, scale: 1 });
});

test("a large one is all there when it is fitted, and begins readable at its top or where somebody must look", () => {
  const picture = { width: 400, height: 3000 };
  const { y, scale } = fitted(picture, WINDOW);
  expect(y).toBeLessThan(0);
  expect(y + WINDOW.height / scale).toBeGreaterThan(3000);
  const first = opened(picture, WINDOW, undefined);
  expect(first.scale).toBeGreaterThan(scale);
  expect(first.y).toBeLessThanOrEqual(0);
  const failed = opened(picture, WINDOW, { x: 200, y: 2000 });
  expect(failed.y).toBeLessThan(2000);
  expect(failed.y + WINDOW.height / failed.scale).toBeGreaterThan(2000);
});

test("what is under the pointer stays under it while it grows", () => {
  const before = { x: 10, y: 20, scale: 0.5 };
  const at = { x: 110, y: 220 };
  const after = zoomed(before, 1.5, at);
  expect((at.x - after.x) * after.scale).toBeCloseTo((at.x - before.x) * before.scale);
  expect((at.y - after.y) * after.scale).toBeCloseTo((at.y - before.y) * before.scale);
  expect(zoomed(before, 1000, at).scale).toBe(2);
});

test("a node that is seen moves nothing, and one outside is brought just inside", () => {
  const view = { x: 0, y: 0, scale: 1 };
  const box = { width: 40, height: 20 };
  expect(showing(view, { x: 200, y: 150 }, box, WINDOW)).toEqual(view);
  expect(showing(view, { x: 200, y: 500 }, box, WINDOW)).toEqual({ x: 0, y: 218, scale: 1 });
  expect(showing(view, { x: -100, y: 150 }, box, WINDOW)).toEqual({ x: -128, y: 0, scale: 1 });
});
