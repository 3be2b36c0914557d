import fc from "fast-check";
import { expect, test } from "vitest";
import { crossings } from "./crossings.ts";
import { type Link, layeredLayout } from "./layered-layout.ts";
import { nearestInOrder } from "./nearest-in-order.ts";

const SIZES = { width: 100, height: 40, gapX: 20, gapY: 30 };

const graph = fc.integer({ min: 0, max: 40 }).chain((count) =>
  fc.record({
    ids: fc.constant(Array.from({ length: count }, (_, n) => `n${n}`)),
    links: fc.array(
      fc
        .tuple(fc.nat(Math.max(0, count - 1)), fc.nat(Math.max(0, count - 1)))
        .map(([a, b]) => ({ from: `n${Math.min(a, b)}`, to: `n${Math.max(a, b)}` })),
      { maxLength: 80 },
    ),
  }),
);

test("no two nodes lie on each other, every link goes down, and all is within the picture", () => {
  fc.assert(
    fc.property(graph, ({ ids, links }) => {
      const { places, lines, width, height } = layeredLayout(ids, links, SIZES);
      expect([...places.keys()].toSorted()).toEqual([...ids].toSorted());
      const points = [...places.values()];
      for (const [index, one] of points.entries()) {
        expect(one.x - 50).toBeGreaterThanOrEqual(-1e-6);
        expect(one.x + 50).toBeLessThanOrEqual(width + 1e-6);
        expect(one.y + 20).toBeLessThanOrEqual(height + 1e-6);
        for (const other of points.slice(index + 1)) {
          const apart = Math.abs(one.x - other.x) > 119.9 || Math.abs(one.y - other.y) > 69.9;
          expect(apart).toBe(true);
        }
      }
      for (const { from, to, points: way } of lines) {
        expect(places.get(from)!.y).toBeLessThan(places.get(to)!.y);
        expect(way.map(({ y }) => y)).toEqual(way.map(({ y }) => y).toSorted((a, b) => a - b));
      }
      expect(lines).toHaveLength(links.filter(({ from, to }) => from !== to).length);
    }),
  );
});

test("two that were drawn crosswise are turned, so that nothing crosses", () => {
  const links = [
    { from: "a", to: "d" },
    { from: "b", to: "c" },
  ];
  const { layers, places } = layeredLayout(["a", "b", "c", "d"], links, SIZES);
  const sides = (layer: readonly string[]) => layer.map((id) => ({ a: 0, d: 0, b: 1, c: 1 })[id]);
  expect(sides(layers[0]!)).toEqual(sides(layers[1]!));
  expect(places.get("a")!.x).toBeCloseTo(places.get("d")!.x);
});

test("what joins two stands between them, and a chain is straight", () => {
  const links = [
    { from: "a", to: "b" },
    { from: "a", to: "c" },
    { from: "b", to: "d" },
    { from: "c", to: "d" },
    { from: "d", to: "e" },
  ];
  const { places } = layeredLayout(["a", "b", "c", "d", "e"], links, SIZES);
  const x = (id: string) => places.get(id)!.x;
  expect(x("a")).toBeCloseTo((x("b") + x("c")) / 2);
  expect(x("d")).toBeCloseTo(x("a"));
  expect(x("e")).toBeCloseTo(x("d"));
});

test("a link past a layer goes around what is in it", () => {
  const links = [
    { from: "a", to: "b" },
    { from: "b", to: "c" },
    { from: "a", to: "c" },
  ];
  const { lines, places } = layeredLayout(["a", "b", "c"], links, SIZES);
  const long = lines.find(({ from, to }) => from === "a" && to === "c")!;
  const { x, y } = places.get("b")!;
  const beside = long.points.filter((point) => Math.abs(point.y - y) <= 20);
  expect(beside.length).toBeGreaterThan(0);
  expect(beside.every((point) => Math.abs(point.x - x) > 50)).toBe(true);
});

test("nothing, and links that go back or nowhere, do no harm", () => {
  expect(layeredLayout([], [], SIZES)).toMatchObject({ width: 0, height: 0, lines: [] });
  const bad = [
    { from: "b", to: "a" },
    { from: "a", to: "a" },
    { from: "a", to: "gone" },
  ];
  expect(layeredLayout(["a", "b"], bad, SIZES).lines).toEqual([]);
});

test("two hundred nodes, each after all before it, are laid out within seconds", () => {
  const ids = Array.from({ length: 200 }, (_, n) => `n${n}`);
  const links: Link[] = ids.flatMap((to, n) => ids.slice(0, n).map((from) => ({ from, to })));
  const began = performance.now();
  expect(layeredLayout(ids, links, SIZES).layers).toHaveLength(200);
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("crossings are those that one finds by looking at all pairs", () => {
  const layer = fc.array(fc.array(fc.nat(9), { maxLength: 4 }), { maxLength: 10 });
  fc.assert(
    fc.property(layer, (ends) => {
      const lower = Array.from({ length: 10 }, (_, order) => ({ order, below: [] }));
      const upper = ends.map((below, order) => ({ order, below: below.map((one) => lower[one]!) }));
      const all = ends.flatMap((below, from) => below.map((to) => ({ from, to })));
      const crossed = all.flatMap((one) =>
        all.filter((other) => one.from < other.from && one.to > other.to),
      );
      expect(crossings([upper, lower])).toBe(crossed.length);
    }),
  );
});

test("places are in order, apart, and no shift of one makes them nearer to what was wanted", () => {
  const places = fc.array(
    fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 20 })),
  );
  fc.assert(
    fc.property(places, (given) => {
      const [wanted, apart] = [given.map(([one]) => one), given.map(([, two]) => two)];
      const found = nearestInOrder(wanted, apart);
      const isAllowed = (all: readonly number[]) =>
        all.every((x, n) => n === 0 || x - all[n - 1]! >= apart[n]! - 1e-6);
      const cost = (all: readonly number[]) =>
        all.reduce((sum, x, n) => sum + (x - wanted[n]!) ** 2, 0);
      expect(isAllowed(found)).toBe(true);
      for (const [index] of found.entries()) {
        for (const by of [-0.5, 0.5]) {
          const moved = found.with(index, found[index]! + by);
          if (isAllowed(moved)) expect(cost(moved)).toBeGreaterThanOrEqual(cost(found) - 1e-6);
        }
      }
    }),
  );
});
