import { expect, test } from "vitest";
import type { GraphStepRow } from "../../store/run-graph.ts";
import { presentSteps } from "./steps-graph.ts";

/** A step, by when it began and ended, in seconds; one that has not ended stands. */
const step = (name: string, from: number, until: number | null, ordinal = 1): GraphStepRow => ({
  ...{ name, ordinal, kind: "step", failed: false, error_class: null, error_message: null },
  started_at: new Date(from * 1000),
  finished_at: until === null ? null : new Date(until * 1000),
});

const edgesOf = (...steps: GraphStepRow[]) =>
  presentSteps("running", steps, []).edges.map(({ from, to }) => `${from} > ${to}`);

test("steps one after the other are a chain", () => {
  expect(edgesOf(step("a", 0, 1), step("b", 1, 2), step("b", 2, 3, 2), step("c", 4, null))).toEqual(
    [...["a > b", "b > b (2)", "b (2) > c"]],
  );
});

test("a step that is named like another use of some other is another", () => {
  expect(edgesOf(step("b", 0, 1), step("b", 1, 2, 2), step("b (2)", 2, 3))).toEqual([
    ...["b > b (2)", "b (2) > b (2) (1)"],
  ]);
});

test("what goes on beside each other begins and ends together", () => {
  expect(
    edgesOf(
      step("a", 0, 1),
      step("one", 1, 5),
      step("two", 1, 3),
      step("six", 1, 4),
      step("b", 5, 6),
    ),
  ).toEqual(["a > one", "a > two", "a > six", "one > b", "two > b", "six > b"]);
});

test("branches of several steps go on beside each other", () => {
  expect(
    edgesOf(
      step("a1", 0, 2),
      step("b1", 0, 3),
      step("a2", 2, 6),
      step("b2", 3, 5),
      step("end", 6, 7),
    ),
  ).toEqual(["a1 > a2", "b1 > b2", "a2 > end", "b2 > end"]);
});

test("steps without a length, and at one time, are in no circle", () => {
  expect(edgesOf(step("a", 1, 1), step("b", 1, 1), step("c", 1, 1))).toEqual(["a > b", "b > c"]);
});

test("a step that has not ended waits, and is cancelled once its run has ended", () => {
  const stateIn = (run: "waiting" | "completed") =>
    presentSteps(run, [step("a", 0, null)], []).nodes[0]!.state;
  expect(stateIn("waiting")).toBe("waiting");
  expect(stateIn("completed")).toBe("cancelled");
});

test("there are two edges for a step at the most, however many go on at once", () => {
  const before = Array.from({ length: 500 }, (_, n) => step("before", 0, 1 + n / 1000, n + 1));
  const later = Array.from({ length: 500 }, (_, n) => step("later", 2, 3, n + 1));
  expect(edgesOf(...before, ...later).length).toBeLessThanOrEqual(1000);
});
