import { type FlowGraph, MillraceError, NODE_STEPS, changedNodes, turnOf } from "@millrace/core";
import type { Context } from "../context.ts";
import { NodeFailedError } from "./node-failed-error.ts";
import type { NodeEnd } from "./node-types.ts";
import type { NodeNeeds, PlannedNode, Thrown } from "./planned-node.ts";

type Ends = ReadonlyMap<string, Thrown<NodeEnd<unknown>>>;

/**
 * Executes a flow in one attempt, over what earlier ones have recorded: each node whose turn has come, in the order of their definition.
 * What is decided here follows from how nodes ended, and in what order, and steps give that in every attempt alike.
 *
 * @returns how each node ended
 * @throws NodeFailedError when one has failed that may not, and no other can run; MillraceError `step_mismatch`; why the attempt was stopped
 */
export async function runFlow(
  nodes: readonly PlannedNode[],
  graph: FlowGraph,
  input: unknown,
  ctx: Context,
): Promise<Ends> {
  await requireSameGraph(graph, ctx);
  const ends = await endsOf(nodes, graph.nodeConcurrency ?? Infinity, input, ctx);
  const failed = nodes.flatMap(({ node: { name, mayFail } }) => {
    const end = ends.get(name);
    return end?.state === "failed" && !mayFail ? [{ name, end }] : [];
  });
  const [first, ...others] = failed;
  if (!first) return ends;
  throw new NodeFailedError(
    first.name,
    first.end.error,
    others.map(({ name }) => name),
    { cause: first.end.thrown },
  );
}

function endsOf(
  nodes: readonly PlannedNode[],
  concurrency: number,
  input: unknown,
  ctx: Context,
): Promise<Ends> {
  const ends = new Map<string, Thrown<NodeEnd<unknown>>>();
  const begun = new Set<string>();
  let underWay = 0;
  return new Promise((resolve, reject) => {
    const begin = ({ node, execute }: PlannedNode): void => {
      begun.add(node.name);
      underWay++;
      execute(needsOf(node, input, ends), ctx)
        .then((end) => {
          underWay--;
          ends.set(node.name, end);
          goOn();
        })
        .catch(reject);
    };
    // Each node stands behind those that it comes after, so one pass carries a skip to all that it concerns.
    const goOn = (): void => {
      for (const planned of nodes) {
        const { name } = planned.node;
        if (begun.has(name) || ends.has(name)) continue;
        const turn = turnOf(planned.node, ends);
        if (typeof turn === "object") ends.set(name, turn);
        else if (turn === "start" && underWay < concurrency) begin(planned);
      }
      if (ends.size === nodes.length) resolve(ends);
    };
    goOn();
  });
}

function needsOf(
  { after, when }: PlannedNode["node"],
  input: unknown,
  ends: ReadonlyMap<string, Thrown<NodeEnd<unknown>>>,
): NodeNeeds {
  const before = after.map((name) => {
    const { thrown: _thrown, ...end } = ends.get(name)!;
    // By that rule all have completed.
    return [name, when === "all completed" && "value" in end ? end.value : end] as const;
  });
  return { input, ...Object.fromEntries(before) };
}

/** A run keeps the nodes that it began with: with others, what is on record would mean something else. */
async function requireSameGraph(graph: FlowGraph, { step }: Context): Promise<void> {
  const recorded = await step(NODE_STEPS.graph, () => graph);
  const differs = changedNodes(graph, recorded);
  if (differs.length === 0) return;
  throw new MillraceError(
    "step_mismatch",
    `the flow has changed since the run began, in node ${differs.slice(0, 5).join(", ")}${differs.length > 5 ? ", …" : ""}; a worker with the code that the run began with can finish it, or rerun it`,
  );
}
