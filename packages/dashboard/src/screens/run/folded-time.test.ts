import fc from "fast-check";
import { expect, test } from "vitest";
import { foldedTime } from "./folded-time.ts";

test("five idle minutes between two short attempts are folded, and the attempts keep their proportion", () => {
  const { at, folds } = foldedTime([
    { from: 0, until: 200 },
    { from: 300_200, until: 300_600 },
  ]);
  expect(folds).toMatchObject([{ from: 200, until: 300_200 }]);
  const [first, second] = [at(200) - at(0), at(300_600) - at(300_200)];
  expect(second / first).toBeCloseTo(2);
  expect(first + second).toBeGreaterThan(0.8);
});

test("a later instant is never drawn before an earlier one, and all are within the scale", () => {
  const span = fc
    .tuple(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 1e5 }))
    .map(([from, long]) => ({ from, until: from + long }));
  fc.assert(
    fc.property(
      fc.array(span, { minLength: 1 }),
      fc.array(fc.integer({ min: 0, max: 2e6 })),
      (spans, instants) => {
        const { at } = foldedTime(spans);
        const places = instants.toSorted((a, b) => a - b).map(at);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        expect(places.every((place) => place >= 0 && place <= 1 + 1e-9)).toBe(true);
      },
    ),
  );
});
