/** What a node of a flow does: calls a function, a function for each item of a list, or makes one child or many. */
export const NODE_KINDS = ["function", "map", "child", "children"] as const;

export type NodeKind = (typeof NODE_KINDS)[number];

/**
 * When a node starts, once all that it comes after have ended:
 * - all completed: each of them has given something. The default.
 * - any completed: at least one has.
 * - any failed: at least one has failed, or was skipped because of one that has.
 * - done: whatever came of them.
 */
export const NODE_RULES = ["all completed", "any completed", "any failed", "done"] as const;

export type NodeRule = (typeof NODE_RULES)[number];

/** A node, without its code. */
export interface FlowNode {
  readonly name: string;
  readonly kind: NodeKind;
  /** That of its children; null for functions. */
  readonly job: string | null;
  /** Nodes that stand before it. */
  readonly after: readonly string[];
  readonly when: NodeRule;
  /** Its failure does not fail the run. */
  readonly mayFail: boolean;
  /** How often a function is called before it has failed; 1 for children, whose retries are their own. */
  readonly maxAttempts: number;
}

/** A flow, as it is registered with its job and recorded with each run: nodes in an order in which each comes after those it names. */
export interface FlowGraph {
  readonly nodes: readonly FlowNode[];
  /** So many nodes are under way at once; null for all that may. */
  readonly nodeConcurrency: number | null;
}

/** How a node ended; a skipped one with the failed node that is behind it, if one is. */
export type FlowEnd =
  | { readonly state: "completed" | "failed" }
  | { readonly state: "skipped"; readonly because: string | null };

/** What becomes of a node by what has become of those before it. */
export type NodeTurn = "wait" | "start" | Extract<FlowEnd, { state: "skipped" }>;

/** Decides a node. It waits until all that it comes after have ended, whatever its rule. */
export function turnOf(
  { after, when }: Pick<FlowNode, "after" | "when">,
  ends: ReadonlyMap<string, FlowEnd>,
): NodeTurn {
  const before = after.map((name) => ({ name, end: ends.get(name) }));
  if (before.some(({ end }) => end === undefined)) return "wait";
  const completed = before.filter(({ end }) => end?.state === "completed").length;
  const because = before.map(({ name, end }) => causeOf(name, end)).find((name) => name !== null);
  const starts = {
    "all completed": completed === before.length,
    "any completed": completed > 0,
    "any failed": because !== undefined,
    done: true,
  }[when];
  return starts ? "start" : { state: "skipped", because: because ?? null };
}

/** The failed node behind the end of another, or itself. */
function causeOf(name: string, end: FlowEnd | undefined): string | null {
  if (end?.state === "failed") return name;
  return end?.state === "skipped" ? end.because : null;
}

/**
 * In which nodes two graphs differ so that what is on record of one means something else in the other. How often a node is tried, whether
 * it may fail, and how many are under way at once, may change.
 */
export function changedNodes(now: FlowGraph, then: FlowGraph): string[] {
  const [here, there] = [shapesIn(now), shapesIn(then)];
  const names = new Set([...here.keys(), ...there.keys()]);
  return [...names].filter((name) => here.get(name) !== there.get(name));
}

function shapesIn({ nodes }: FlowGraph): Map<string, string> {
  return new Map(
    nodes.map(({ name, kind, job, after, when }) => [
      name,
      JSON.stringify([kind, job, after, when]),
    ]),
  );
}

/** Names of nodes leave room for what is added to them; see {@link NODE_STEPS}. */
export const NODE_NAME = /^[a-zA-Z][a-zA-Z0-9_-]{0,59}$/;

/** The most nodes of a flow. */
export const MAX_NODES = 500;

/** The most that a graph may have as JSON: it is read with its runs and jobs, and must not lie in a store for large values. */
export const MAX_GRAPH_BYTES = 100 * 1024;

/** The steps of a flow. A node's own has its name: each try of a function, the size of a map's list, or the children. */
export const NODE_STEPS = {
  /** The graph that the run began with. */
  graph: "flow graph",
  /** One item of a map. */
  item: (node: string, index: number): string => `${node}[${index}]`,
  /** What follows a failed try, of a node or of an item. */
  failed: (name: string): string => `${name} failed`,
  /** The wait before the next try. */
  backoff: (name: string): string => `${name} backoff`,
} as const;

/** What a {@link NODE_STEPS.failed} step has on record. */
export interface NodeFailure {
  readonly class: string;
  readonly message: string;
  /** Null when it has failed for good. */
  readonly retryInMs: number | null;
  /** When the first try began, in milliseconds of Unix time. */
  readonly since: number;
}
