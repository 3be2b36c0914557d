import { type RunState, isFinal } from "@millrace/core";
import type { GraphNode, RunGraph } from "@millrace/core/api";
import type { GraphStepRow, StepChildrenRow } from "../../store/run-graph.ts";
import { presentChildren } from "./flow-graph.ts";
import { instant } from "./instant.ts";

type Drawn = Pick<RunGraph, "nodes" | "edges">;

/**
 * What a run has done, as a graph. Each step comes after the one that ended last before it began: that is what its handler had just got.
 * A step behind which none began so, because others beside it ended later, is joined to the next one that began after its end. So there
 * are two edges for a step at the most, however many go on beside each other.
 *
 * @param steps in the order in which they began
 */
export function presentSteps(
  state: RunState,
  steps: readonly GraphStepRow[],
  children: readonly StepChildrenRow[],
): Drawn {
  const families = new Map(children.map((row) => [idOf(row), row]));
  return {
    nodes: steps.map((step) => presentStep(step, state, families.get(idOf(step)))),
    edges: edgesOf(steps),
  };
}

function presentStep(
  step: GraphStepRow,
  run: RunState,
  family: StepChildrenRow | undefined,
): GraphNode {
  const { name, ordinal, kind, failed } = step;
  const over = step.finished_at !== null;
  const unfinished = isFinal(run) ? "cancelled" : "waiting";
  return {
    ...{ id: idOf(step), name, ordinal, kind, job: family?.job ?? null, when: null },
    state: failed ? "failed" : over ? "completed" : unfinished,
    because: null,
    startedAt: instant(step.started_at),
    finishedAt: instant(step.finished_at),
    tries: null,
    error: failed
      ? { class: step.error_class ?? "Error", message: step.error_message ?? "" }
      : null,
    items: null,
    children: presentChildren(family),
  };
}

/** Some 500,000 comparisons for 1,000 steps: a few milliseconds. */
function edgesOf(steps: readonly GraphStepRow[]): RunGraph["edges"] {
  const edges: RunGraph["edges"] = [];
  const followed = new Set<GraphStepRow>();
  const join = (from: GraphStepRow, to: GraphStepRow) => {
    followed.add(from);
    edges.push({ from: idOf(from), to: idOf(to) });
  };
  for (const [place, to] of steps.entries()) {
    let last: GraphStepRow | undefined;
    for (const from of steps.slice(0, place)) {
      if (precedes(from, to) && (!last || from.finished_at! >= last.finished_at!)) last = from;
    }
    if (last) join(last, to);
  }
  for (const [place, from] of steps.entries()) {
    if (followed.has(from)) continue;
    const to = steps.slice(place + 1).find((other) => precedes(from, other));
    if (to) join(from, to);
  }
  return edges;
}

function precedes(from: GraphStepRow, to: GraphStepRow): boolean {
  return from.finished_at !== null && from.finished_at <= to.started_at;
}

/** Names may hold anything, and none is empty: one that looks like another use of some other has its number, too. */
function idOf({ name, ordinal }: Pick<GraphStepRow, "name" | "ordinal">): string {
  return ordinal === 1 && !/ \(\d+\)$/.test(name) ? name : `${name} (${ordinal})`;
}
