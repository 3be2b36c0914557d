import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../define-job.ts";
import { after } from "./after.ts";
import { defineFlow } from "./define-flow.ts";

// What the compiler says: each line below an @ts-expect-error would compile without a word if the types were any looser.

const half = defineJob({
  name: "half",
  input: z.object({ n: z.number() }),
  run: ({ n }) => n / 2,
});

const flow = defineFlow({ name: "typed", input: z.object({ day: z.string() }) })
  .node("extract", ({ input }) => [{ at: new Date(0), day: input.day }])
  .map(
    "lengths",
    after("extract"),
    ({ extract }) => extract,
    (row, { index, needs }) => row.day.length + index + needs.extract.length,
  )
  .child("half", after("lengths"), half, ({ lengths }) => ({ n: lengths[0]! }));

test("nodes get the types of what they name, and of the input", () => {
  const grown = flow
    .node("year", { after: ["extract"], timeout: "1m" }, ({ extract, input }) => {
      return `${extract[0]!.at.getUTCFullYear()} ${input.day.toUpperCase()}`;
    })
    .node("told", after.done("half"), ({ half }) => (half.state === "completed" ? half.value : -1));
  expect(grown.graph.nodes.map(({ name }) => name)).toEqual([
    ...["extract", "lengths", "half", "year", "told"],
  ]);
});

test("the output has the last nodes, and null for what did not complete", () => {
  type Output = Awaited<ReturnType<typeof flow.call>>;
  const output: Output = { half: null };
  // @ts-expect-error lengths is not one of the last
  const other: Output = { half: 1, lengths: [] };
  expect([output, other]).toHaveLength(2);
});

test("a name that no node above has does not compile, and is refused", () => {
  // @ts-expect-error there is no such node
  expect(() => flow.node("x", after("extrct"), () => 1)).toThrow('comes after "extrct"');
});

test("a name that is taken does not compile, and is refused", () => {
  // @ts-expect-error there is one of that name
  expect(() => flow.node("half", () => 1)).toThrow("two nodes are named half");
  // @ts-expect-error what nodes get has the input there
  expect(() => flow.node("input", () => 1)).toThrow("no node can be named input");
});

test("what a node does not name, it does not get", () => {
  // @ts-expect-error it comes after half alone
  expect(flow.node("x", after("half"), ({ lengths }) => lengths)).toBeDefined();
  // @ts-expect-error how it ended, and not what it gave
  expect(flow.node("x", after.anyFailed("half"), ({ half }) => half.toFixed())).toBeDefined();
});

test("a child gets what its job takes", () => {
  // @ts-expect-error its n is a number
  expect(flow.child("x", after("half"), half, () => ({ n: "1" }))).toBeDefined();
  // @ts-expect-error a list of inputs
  expect(flow.children("x", after("half"), half, () => ({ n: 1 }))).toBeDefined();
});
