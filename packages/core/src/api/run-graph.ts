import { z } from "zod";
import { FINAL_STATES } from "../run.ts";
import { NODE_KINDS, NODE_RULES } from "../flow-graph.ts";
import { STEP_KINDS } from "../step-limits.ts";
import { Instant, RunId, RunStateSchema } from "./runs.ts";

/** How many steps the graph of a run shows that is no flow. */
export const MAX_GRAPH_STEPS = 1000;

/** How many children a node names. */
export const MAX_CHILDREN_NAMED = 20;

export const GraphNode = z
  .object({
    id: z.string().describe("What edges name: of a flow the name, of a step also its ordinal"),
    name: z.string(),
    ordinal: z.int().nullable().describe("Of a step: the n-th use of its name, from 1"),
    kind: z
      .enum([...NODE_KINDS, ...STEP_KINDS])
      .describe("Of a node of a flow function, map, child or children; else that of the step"),
    job: z.string().nullable().describe("Of children: theirs"),
    when: z.enum(NODE_RULES).nullable().describe("The rule by which a node of a flow starts"),
    state: z
      .enum(["pending", "running", "waiting", "completed", "failed", "skipped", "cancelled"])
      .describe("cancelled: the run ended before it did; waiting: for children, or for its retry"),
    because: z
      .string()
      .nullable()
      .describe(
        "Of a skipped node: the failed one behind it; null where its rule was not met without a failure",
      ),
    startedAt: Instant.nullable().describe(
      "Null for one that is not on record: what is under way for the first time is not, before it ends",
    ),
    finishedAt: Instant.nullable(),
    tries: z
      .int()
      .nullable()
      .describe("How often its function was called, as far as that is on record; null for others"),
    error: z.object({ class: z.string(), message: z.string() }).nullable(),
    items: z
      .object({ total: z.int(), completed: z.int(), failed: z.int() })
      .nullable()
      .describe("Of a map, once its list is known"),
    children: z
      .object({
        later: z.int().describe("Whose turn has not come"),
        open: z.int(),
        completed: z.int(),
        failed: z.int(),
        cancelled: z.int(),
        runs: z
          .array(z.object({ id: RunId, state: z.enum(FINAL_STATES).nullable() }))
          .describe(
            "The first 20, those that failed before all; GET /api/v1/runs?parent=… lists all. state is null while it is open",
          ),
      })
      .nullable(),
  })
  .meta({ id: "GraphNode" });

export type GraphNode = z.infer<typeof GraphNode>;

export const RunGraph = z
  .object({
    run: RunId,
    job: z.string(),
    state: RunStateSchema,
    source: z
      .enum(["flow", "steps"])
      .describe(
        "flow: the nodes that the run began with, and what has become of them. steps: what is on record of the steps, each after the one that ended last before it began",
      ),
    nodes: z.array(GraphNode).describe("Each after those that it comes after"),
    edges: z.array(z.object({ from: z.string(), to: z.string() })),
    truncated: z.boolean().describe("There are more steps than 1,000, and these are the last"),
  })
  .meta({ id: "RunGraph" });

export type RunGraph = z.infer<typeof RunGraph>;
