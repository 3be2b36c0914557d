import {
  type FlowGraph,
  type FlowNode,
  MAX_GRAPH_BYTES,
  MAX_NODES,
  MillraceError,
  byteLength,
  formatSize,
} from "@millrace/core";
import { type CodePlace, callerOf } from "../code-place.ts";
import type { Context } from "../context.ts";
import { defineJob } from "../define-job.ts";
import { nonRetryable } from "../errors.ts";
import { IS_JOB } from "../is-job.ts";
import type {
  AnyJob,
  Given,
  InputSchema,
  Job,
  JobOptions,
  JobRetryOptions,
  Received,
} from "../job.ts";
import type { SecretDeclaration } from "../secrets.ts";
import { childNode, childrenNode } from "./child-nodes.ts";
import type { Flow } from "./flow.ts";
import { functionNode } from "./function-node.ts";
import { mapNode } from "./map-node.ts";
import type { NodeNeeds, PlannedNode } from "./planned-node.ts";
import {
  callPolicy,
  childOptions,
  childrenOptions,
  flowNode,
  mapPolicy,
  requireFunction,
  requireJob,
  requireLimit,
} from "./read-node.ts";
import { runFlow } from "./run-flow.ts";

/** A flow as its author writes it, before its nodes: the options of a job. */
export interface FlowJobOptions<
  Name extends string,
  S,
  Secret extends SecretDeclaration = never,
> extends Omit<JobOptions<Name, S, unknown, Secret>, "run" | "retry"> {
  /**
   * How nodes that call functions are tried again, unless they say otherwise; and the run itself, when an attempt is lost or takes longer
   * than its timeout. Default: 5 attempts, exponential backoff from 1 s to 15 m with full jitter.
   */
  retry?: Omit<JobRetryOptions, "budget">;
  /** So many nodes are under way at once, 1 to 500; a map and children count as one. Default: all whose turn has come. */
  nodeConcurrency?: number;
}

/** What a flow is made of so far. */
interface Draft {
  readonly options: FlowJobOptions<string, InputSchema | undefined, SecretDeclaration>;
  /** Where it begins: each node defines it anew. */
  readonly definedIn: CodePlace | null;
  readonly nodes: readonly PlannedNode[];
  /** Of the nodes as JSON. */
  readonly bytes: number;
  readonly output: ((values: NodeNeeds) => unknown) | undefined;
}

/**
 * Defines a flow: a job whose handler is a static graph of nodes, each of which starts when those that it comes after have ended.
 *
 * @example
 *   export const nightly = defineFlow({ name: "nightly", input: z.object({ day: z.iso.date() }) })
 *     .node("extract", ({ input }) => readOrders(input.day))
 *     .node("transform", after("extract"), ({ extract }) => totalsOf(extract))
 *     .node("load", { ...after("transform"), timeout: "10m" }, ({ transform }) => upsert(transform))
 *     .node("alarm", after.anyFailed("load"), ({ load }) => page("the night's load failed", load));
 *
 * @throws MillraceError `invalid_job` naming the option
 */
export function defineFlow<
  const Name extends string,
  S extends InputSchema | undefined = undefined,
  const Secret extends SecretDeclaration = never,
>(options: FlowJobOptions<Name, S, Secret>): Flow<Name, Given<S>, Received<S>, {}, never, Secret> {
  // What the compiler knows of a flow lies in its types alone.
  const definedIn = callerOf(defineFlow);
  return flowOf({ options, definedIn, nodes: [], bytes: 0, output: undefined }) as unknown as Flow<
    Name,
    Given<S>,
    Received<S>,
    {},
    never,
    Secret
  >;
}

function flowOf(draft: Draft): Job {
  const { options, definedIn, nodes } = draft;
  const { nodeConcurrency, ...jobOptions } = options;
  const flow = `flow ${String(options.name)}`;
  requireNoHandler(options, flow);
  requireNoBudget(options.retry, flow);
  const graph: FlowGraph = {
    nodes: nodes.map(({ node }) => node),
    nodeConcurrency: requireLimit(nodeConcurrency, MAX_NODES, `${flow}: nodeConcurrency`) ?? null,
  };
  const job = defineJob({
    ...jobOptions,
    run: (input: unknown, ctx: Context) => handle(draft, graph, input, ctx),
  });
  const growing = growth(draft, flow);
  const grown = { ...job, definedIn, graph, ...growing };
  Object.defineProperty(grown, IS_JOB, { value: true });
  return Object.freeze(grown);
}

async function handle(
  { nodes, output }: Draft,
  graph: FlowGraph,
  input: unknown,
  ctx: Context,
): Promise<unknown> {
  if (nodes.length === 0) {
    throw nonRetryable(new MillraceError("invalid_job", `flow ${ctx.job} has no nodes; add some`));
  }
  const ends = await runFlow(nodes, graph, input, ctx);
  const values = Object.fromEntries(
    nodes.map(({ node: { name } }) => {
      const end = ends.get(name)!;
      return [name, end.state === "completed" ? end.value : null];
    }),
  );
  if (output) return output(values);
  const usual = graph.nodes.filter(({ when }) => when !== "any failed");
  const before = new Set(usual.flatMap(({ after }) => after));
  const last = usual.filter(({ name }) => !before.has(name));
  return Object.fromEntries(last.map(({ name }) => [name, values[name] ?? null]));
}

/** The ways to add a node. Their arguments are what the author wrote, in whatever types. */
function growth(draft: Draft, flow: string) {
  const others = draft.nodes.map(({ node }) => node.name);
  const add = (planned: PlannedNode): Job => {
    if (draft.nodes.length === MAX_NODES) {
      throw new MillraceError(
        "invalid_job",
        `${flow} has ${MAX_NODES} nodes, and may have no more`,
      );
    }
    const bytes = draft.bytes + byteLength(JSON.stringify(planned.node));
    if (bytes > MAX_GRAPH_BYTES) {
      throw new MillraceError(
        "invalid_job",
        `${flow}: with node ${planned.node.name} its graph has more than the ${formatSize(MAX_GRAPH_BYTES)} that it may have; let nodes come after fewer others, or make a part of it a flow of its own, and that a child`,
      );
    }
    return flowOf({ ...draft, nodes: [...draft.nodes, planned], bytes });
  };
  const read = (name: unknown, kind: FlowNode["kind"], given: unknown, job: AnyJob | null) =>
    flowNode({ name, kind, given, job, others, flow });
  return {
    node: (name: string, ...rest: unknown[]) => {
      const [options, run] = rest.length > 1 ? rest : [{}, rest[0]];
      const node = read(name, "function", options, null);
      const policy = callPolicy(options, draft.options.retry, `${flow}: node ${node.name}`);
      const fn = requireFunction(run, `${flow}: node ${node.name}: its last argument`);
      return add(functionNode({ ...node, maxAttempts: policy.retry.maxAttempts }, policy, fn));
    },
    map: (name: string, options: unknown, list: unknown, each: unknown) => {
      const node = read(name, "map", options, null);
      const what = `${flow}: node ${node.name}`;
      const policy = mapPolicy(options, draft.options.retry, what);
      return add(
        mapNode({ ...node, maxAttempts: policy.retry.maxAttempts }, policy, {
          list: requireFunction(list, `${what}: what makes its list`),
          each: requireFunction(each, `${what}: its last argument`),
        }),
      );
    },
    child: (name: string, options: unknown, job: unknown, input: unknown) => {
      const node = read(name, "child", options, requireJob(job, `${flow}: node ${String(name)}`));
      const what = `${flow}: node ${node.name}`;
      const made = childOptions(options, job as AnyJob, what);
      const of = requireFunction(input, `${what}: what makes its input`);
      return add(childNode(node, made, job as AnyJob, of));
    },
    children: (name: string, options: unknown, job: unknown, inputs: unknown) => {
      const node = read(
        name,
        "children",
        options,
        requireJob(job, `${flow}: node ${String(name)}`),
      );
      const what = `${flow}: node ${node.name}`;
      const made = childrenOptions(options, job as AnyJob, what);
      const of = requireFunction(inputs, `${what}: what makes its inputs`);
      return add(childrenNode(node, made, job as AnyJob, of));
    },
    output: (of: unknown) =>
      flowOf({ ...draft, output: requireFunction(of, `${flow}: what makes its output`) }),
  };
}

/** Its nodes are its handler. */
function requireNoHandler(options: object, flow: string): void {
  const other = ["run", "batch"].find((key) => key in options);
  if (other === undefined) return;
  throw new MillraceError(
    "invalid_job",
    `${flow}: ${other} is not an option of a flow, whose nodes say what it does; add some with .node(…), or use defineJob`,
  );
}

/** Tries of nodes are not attempts of runs, and no budget counts them. */
function requireNoBudget(retry: JobRetryOptions | undefined, flow: string): void {
  if (!retry || !("budget" in retry)) return;
  throw new MillraceError(
    "invalid_job",
    `${flow}: retry.budget counts attempts of runs, and a flow tries its nodes again within one; leave it out`,
  );
}
