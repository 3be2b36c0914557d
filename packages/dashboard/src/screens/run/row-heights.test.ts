import fc from "fast-check";
import { expect, test } from "vitest";
import { RowHeights } from "./row-heights.ts";

test("rows begin where those before them end, as many as they become, and are found where they are", () => {
  const growing = fc.array(
    fc.record({
      more: fc.integer({ min: 0, max: 3000 }),
      set: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 400 }))),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(growing, fc.array(fc.nat()), (parts, places) => {
      const heights = new RowHeights(18);
      const tall: number[] = [];
      for (const { more, set } of parts) {
        for (let n = 0; n < more; n++) tall.push(18);
        heights.resize(tall.length);
        for (const [at, height] of tall.length === 0 ? [] : set) {
          const index = at % tall.length;
          expect(heights.set(index, height)).toBe(height - tall[index]!);
          tall[index] = height;
        }
      }
      const tops = [0];
      for (const height of tall) tops.push(tops.at(-1)! + height);
      expect(heights.total).toBe(tops.at(-1));
      for (const at of places) {
        const place = at % (tops.at(-1)! + 100);
        const index = tops.findLastIndex((top) => top <= place);
        expect(heights.at(place)).toBe(Math.max(0, Math.min(index, tall.length - 1)));
        expect(heights.top(index)).toBe(tops[index]);
      }
    }),
  );
});
