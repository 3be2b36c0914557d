import { MillraceError, NODE_STEPS } from "@millrace/core";
import { JobGraph, MAX_CHILDREN_NAMED, MAX_GRAPH_STEPS, RunGraph } from "@millrace/core/api";
import {
  type StepChildrenRow,
  listGraphSteps,
  readFlowGraph,
  readNodes,
  readStepChildren,
} from "../../store/run-graph.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import { readRun } from "../../store/runs.ts";
import type { Queryable } from "../../store/statement.ts";
import { presentFlow } from "../present/flow-graph.ts";
import { presentSteps } from "../present/steps-graph.ts";
import { type Api, ById, type Context, NoQuery } from "../route.ts";

export function runGraphRoute(app: Api, { db, subjects }: Context): void {
  app.get(
    "/api/v1/runs/:id/graph",
    {
      schema: {
        tags: ["runs"],
        operationId: "getRunGraph",
        permission: "read",
        scope: { run: "id" },
        summary: "Look at a run as a graph",
        description:
          "Of a flow its nodes, and what has become of each; of other runs the steps that are on record, as they came after each other.",
        params: ById,
        querystring: NoQuery,
        response: { 200: RunGraph },
        problems: ["run_not_found"],
      },
    },
    async (request) => {
      const { id } = request.params;
      const [run] = await readRun(db, id);
      if (!run) throw new MillraceError("run_not_found", `there is no run ${id}`);
      const { job, state } = run;
      const [row] = await openRows(subjects, await readFlowGraph(db, id, job, NODE_STEPS.graph));
      const { data: graph } = JobGraph.safeParse(row?.graph);
      if (graph) {
        const named = graph.nodes.filter(({ job }) => job !== null).map(({ name }) => name);
        const [nodes, children] = await Promise.all([
          readNodes(db, id).then((rows) => openRows(subjects, rows)),
          childrenOf(
            db,
            id,
            named.map((name) => ({ name, ordinal: 1 })),
          ),
        ]);
        const drawn = presentFlow(graph, state, nodes, children);
        return { run: id, job, state, source: "flow" as const, ...drawn, truncated: false };
      }
      const found = await listGraphSteps(db, id, MAX_GRAPH_STEPS + 1);
      const steps = found.slice(-MAX_GRAPH_STEPS);
      const calls = steps.filter(({ kind }) => kind === "call" || kind === "fan-out");
      const drawn = presentSteps(state, steps, await childrenOf(db, id, calls));
      const truncated = found.length > steps.length;
      return { run: id, job, state, source: "steps" as const, ...drawn, truncated };
    },
  );
}

async function childrenOf(
  db: Queryable,
  run: string,
  steps: readonly { name: string; ordinal: number }[],
): Promise<StepChildrenRow[]> {
  if (steps.length === 0) return [];
  return readStepChildren(
    db,
    run,
    steps.map(({ name }) => name),
    steps.map(({ ordinal }) => ordinal),
    MAX_CHILDREN_NAMED,
  );
}
