import {
  type FlowNode,
  MillraceError,
  NODE_NAME,
  NODE_RULES,
  type NodeRule,
  retryPolicy,
} from "@millrace/core";
import { isJob } from "../is-job.ts";
import type { AnyJob, JobRetryOptions } from "../job.ts";
import { retryRules } from "../retry-rules.ts";
import {
  type ChildOptions,
  type FanOutOptions,
  callPlan,
  fanOutPlan,
} from "../step/child-options.ts";
import { stepPolicy } from "../step/try-step.ts";
import type { CallPolicy } from "./function-node.ts";
import type { MapPolicy } from "./map-node.ts";
import type { EdgeOptions, MapOptions, NodeOptions } from "./node-types.ts";

const EDGE = ["after", "when", "mayFail"];
const KNOWN: Record<FlowNode["kind"], readonly string[]> = {
  function: [...EDGE, "retry", "timeout"],
  map: [...EDGE, "retry", "timeout", "concurrency", "failures"],
  child: [...EDGE, "queue", "priority", "ttl", "delay", "timeout"],
  children: [...EDGE, "queue", "priority", "concurrency", "failures"],
};

/** More would not be done sooner by one process. */
const MAX_CONCURRENCY = 1000;
const CONCURRENCY = 10;

interface Read {
  readonly name: unknown;
  readonly kind: FlowNode["kind"];
  readonly given: unknown;
  readonly job: AnyJob | null;
  /** Names of the nodes above it. */
  readonly others: readonly string[];
  readonly flow: string;
}

/** A node as it is registered. @throws MillraceError `invalid_job` */
export function flowNode({ name, kind, given, job, others, flow }: Read): FlowNode {
  const node = requireNodeName(name, others, flow);
  const what = `${flow}: node ${node}`;
  requireOptions(given, KNOWN[kind], what);
  const options = given as EdgeOptions<string, NodeRule>;
  const { when = "all completed", mayFail = false } = options;
  if (!NODE_RULES.includes(when)) {
    refuse(`${what}: when ${JSON.stringify(when)} is not one of ${NODE_RULES.join(", ")}`);
  }
  if (typeof mayFail !== "boolean") refuse(`${what}: mayFail must be true or false`);
  const after = requireNames(options.after ?? [], node, others, what);
  if (after.length === 0 && when !== "all completed") {
    refuse(`${what}: when ${JSON.stringify(when)} needs nodes that it comes after; name them`);
  }
  return { name: node, kind, job: job?.name ?? null, after, when, mayFail, maxAttempts: 1 };
}

function requireNodeName(name: unknown, others: readonly string[], flow: string): string {
  if (typeof name !== "string" || !NODE_NAME.test(name)) {
    return refuse(
      `${flow}: ${JSON.stringify(name)} is not the name of a node; use a letter, then letters, digits, - and _, 60 at most`,
    );
  }
  if (name === "input" || name === "__proto__") {
    refuse(`${flow}: no node can be named ${name}; what nodes get has something else there`);
  }
  if (others.includes(name)) refuse(`${flow}: two nodes are named ${name}; rename one`);
  return name;
}

function requireNames(
  given: unknown,
  node: string,
  others: readonly string[],
  what: string,
): string[] {
  if (!Array.isArray(given)) return refuse(`${what}: after must be a list of names`);
  const names = given as readonly unknown[];
  for (const [place, name] of names.entries()) {
    if (name === node) {
      refuse(`${what} comes after itself: ${node} -> ${node}; leave it out`);
    }
    if (typeof name !== "string" || !others.includes(name)) {
      const known = others.length > 0 ? others.join(", ") : "none";
      refuse(
        `${what} comes after ${JSON.stringify(name)}, which is no node above it (${known}); define that one first: so no cycle can be written`,
      );
    }
    if (names.indexOf(name) !== place) refuse(`${what} comes twice after ${String(name)}`);
  }
  return [...(names as readonly string[])];
}

/** How a node's function is tried. @param flowRetry what the flow says for all */
export function callPolicy(
  given: unknown,
  flowRetry: JobRetryOptions | undefined,
  what: string,
): CallPolicy {
  const { retry = flowRetry ?? {}, timeout } = given as NodeOptions<string, NodeRule>;
  return within(what, () => {
    const { rules: some, ...backoff } = retry;
    if ("budget" in backoff) refuse("a node has no retry.budget; that counts attempts of runs");
    const rules = retryRules(some);
    const options = timeout === undefined ? {} : { timeout };
    stepPolicy(options, "it");
    return { retry: retryPolicy(backoff, rules.length), rules, timeout: options };
  });
}

/** The same for the items of a map. */
export function mapPolicy(
  given: unknown,
  flowRetry: JobRetryOptions | undefined,
  what: string,
): MapPolicy {
  const { concurrency, failures = "stop" } = given as MapOptions<string, NodeRule>;
  requireFailures(failures, what);
  return {
    ...callPolicy(given, flowRetry, what),
    concurrency: requireLimit(concurrency, MAX_CONCURRENCY, `${what}: concurrency`) ?? CONCURRENCY,
    collect: failures === "collect",
  };
}

/** What is said of a child, without its place in the flow. */
export function childOptions(given: unknown, job: AnyJob, what: string): ChildOptions {
  const options = withoutEdge(given);
  within(what, () => callPlan(job, options, "it"));
  return options;
}

/** The same of children. */
export function childrenOptions(given: unknown, job: AnyJob, what: string): FanOutOptions {
  const options: FanOutOptions = withoutEdge(given);
  within(what, () => fanOutPlan(job, options, "they"));
  return options;
}

/** @returns undefined where nothing is said */
export function requireLimit(given: unknown, most: number, what: string): number | undefined {
  if (given === undefined) return undefined;
  const limit = Number.isInteger(given) ? (given as number) : 0;
  if (limit >= 1 && limit <= most) return limit;
  return refuse(`${what} ${JSON.stringify(given)} is not a whole number from 1 to ${most}`);
}

/** What it takes and gives, the types of {@link Flow} have seen to. */
export function requireFunction(given: unknown, what: string): (...given: unknown[]) => never {
  if (typeof given === "function") return given as (...given: unknown[]) => never;
  return refuse(`${what} must be a function, and is a ${typeof given}`);
}

export function requireJob(given: unknown, what: string): AnyJob {
  if (isJob(given)) return given;
  return refuse(`${what}: give it a job, as defineJob makes them, before what makes its input`);
}

function requireOptions(given: unknown, known: readonly string[], what: string): void {
  if (typeof given !== "object" || given === null) {
    refuse(`${what}: its options come after its name; write after("…") or { … }`);
  }
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  refuse(`${what}: ${unknown} is not an option; the options are ${known.join(", ")}`);
}

function requireFailures(given: unknown, what: string): void {
  if (given === "stop" || given === "collect") return;
  refuse(`${what}: failures ${JSON.stringify(given)} is not one of stop, collect`);
}

function withoutEdge(given: unknown): object {
  const entries = Object.entries(given as object);
  return Object.fromEntries(entries.filter(([key]) => !EDGE.includes(key)));
}

/** What is wrong is said of the node. */
function within<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return refuse(`${what}: ${error.message}`);
  }
}

function refuse(why: string): never {
  throw new MillraceError("invalid_job", why);
}
