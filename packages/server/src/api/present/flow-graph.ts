import {
  type FlowEnd,
  type FlowGraph,
  type FlowNode,
  type RunState,
  isFinal,
  turnOf,
} from "@millrace/core";
import type { GraphNode, RunGraph } from "@millrace/core/api";
import type { NodeRow, StepChildrenRow } from "../../store/run-graph.ts";
import { instant } from "./instant.ts";

type Drawn = Pick<RunGraph, "nodes" | "edges">;

/** The nodes of a flow, with what has become of each in a run: what is not on record follows from what is, by the rules of the nodes. */
export function presentFlow(
  graph: FlowGraph,
  state: RunState,
  rows: readonly NodeRow[],
  children: readonly StepChildrenRow[],
): Drawn {
  const records = new Map(rows.map((row) => [row.node, row]));
  const families = new Map(children.map((row) => [row.name, row]));
  const ends = new Map<string, FlowEnd>();
  let room = graph.nodeConcurrency ?? Infinity;
  const nodes = graph.nodes.map((node): GraphNode => {
    const row = records.get(node.name);
    const end = endOf(node, row) ?? skippedOf(node, ends);
    if (end) ends.set(node.name, end);
    const now = end?.state ?? stateOf(node, state, row, ends, room);
    if (now === "running" || now === "waiting") room--;
    const over = now === "completed" || now === "failed";
    const { name, kind, job, when } = node;
    return {
      ...{ id: name, name, ordinal: null, kind, job, when, state: now },
      because: end?.state === "skipped" ? end.because : null,
      startedAt: instant(row?.started_at ?? null),
      finishedAt: over ? instant(row?.finished_at ?? null) : null,
      tries: kind === "function" ? (row?.tries ?? 0) : null,
      error: errorOf(row),
      items: kind === "map" ? itemsOf(row) : null,
      children: presentChildren(families.get(name)),
    };
  });
  const edges = graph.nodes.flatMap(({ name, after }) => after.map((from) => ({ from, to: name })));
  return { nodes, edges };
}

export function presentChildren(row: StepChildrenRow | undefined): GraphNode["children"] {
  if (!row) return null;
  const { later, open, completed, failed, cancelled, runs } = row;
  return { later, open, completed, failed, cancelled, runs };
}

/** How a node ended, if that is on record. */
function endOf({ kind }: FlowNode, row: NodeRow | undefined): FlowEnd | undefined {
  if (!row) return undefined;
  if (row.failure?.retryInMs === null) return { state: "failed" };
  const { gave, items, items_completed: completed, items_failed: failed } = row;
  const all = kind !== "map" || (items !== null && completed + failed >= items);
  return gave && all ? { state: "completed" } : undefined;
}

function skippedOf(node: FlowNode, ends: ReadonlyMap<string, FlowEnd>): FlowEnd | undefined {
  const turn = turnOf(node, ends);
  return typeof turn === "object" ? turn : undefined;
}

/** Of a node that has not ended. */
function stateOf(
  node: FlowNode,
  run: RunState,
  row: NodeRow | undefined,
  ends: ReadonlyMap<string, FlowEnd>,
  room: number,
): GraphNode["state"] {
  if (isFinal(run)) return "cancelled";
  if (row?.waits) return "waiting";
  // What runs for the first time is not on record; but those before it are, and the run is under way.
  return run === "running" && room > 0 && turnOf(node, ends) === "start" ? "running" : "pending";
}

function errorOf(row: NodeRow | undefined): GraphNode["error"] {
  if (!row?.failure || row.gave) return null;
  const { class: name, message } = row.failure;
  return { class: name, message };
}

function itemsOf(row: NodeRow | undefined): GraphNode["items"] {
  if (row?.items == null) return null;
  return { total: row.items, completed: row.items_completed, failed: row.items_failed };
}
