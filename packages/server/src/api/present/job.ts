import type { Collapse, FlowGraph, FlowPolicy } from "@millrace/core";
import type { JobFlow, JobInfo } from "@millrace/core/api";
import type { JobRow } from "../../store/jobs.ts";
import { instant } from "./instant.ts";
import { presentPaused } from "./queue.ts";

/** As `flowPolicy` leaves it out: the database's own default. */
const START_WITHIN_MS = 600_000;

const NEWER = { maxElapsedMs: null, budget: null, rules: 0 };

export function presentJob(job: JobRow): JobInfo {
  return {
    name: job.name,
    project: job.project,
    description: job.description,
    queue: job.queue,
    priority: job.priority,
    timeoutMs: job.timeout_ms,
    // What an older version registered has less in it.
    retry: { ...NEWER, ...job.retry },
    retentionMs: job.retention_ms === Infinity ? "forever" : job.retention_ms,
    flow: presentFlow(job.flow),
    version: job.version,
    steps: job.steps,
    fingerprint: job.fingerprint,
    paused: job.disabled ? null : presentPaused(job),
    disabled: job.disabled ? presentPaused(job) : null,
    pausedKeys: job.paused_keys,
    // Read from jsonb, so it is JSON.
    inputSchema: job.input_schema as JobInfo["inputSchema"],
    searchable: job.searchable ?? [],
    graph: job.graph && presentGraph(job.graph),
    definedIn: job.defined_in,
    registeredAt: instant(job.registered_at),
  };
}

function presentGraph({ nodes, nodeConcurrency }: FlowGraph): JobInfo["graph"] {
  return { nodes: nodes.map((node) => ({ ...node, after: [...node.after] })), nodeConcurrency };
}

function presentFlow(flow: FlowPolicy): JobFlow {
  const { cost = 1, collapse } = flow;
  return {
    key: pathText(flow.key),
    keyLimit: flow.keyLimit ?? null,
    jobLimit: flow.jobLimit ?? null,
    whenFull: flow.whenFull ?? "wait",
    keyRate: flow.keyRate ?? null,
    jobRate: flow.jobRate ?? null,
    cost: typeof cost === "number" ? cost : cost.join("."),
    startWithinMs: flow.startWithinMs ?? START_WITHIN_MS,
    ttlMs: flow.ttlMs ?? null,
    ...presentCollapse(collapse),
    batch: flow.batch ?? null,
  };
}

function presentCollapse(collapse: Collapse | undefined): Pick<JobFlow, "debounce" | "throttle"> {
  const key = pathText(collapse?.key);
  if (collapse?.mode === "debounce") {
    const { waitMs, maxWaitMs } = collapse;
    return { debounce: { key, waitMs, maxWaitMs }, throttle: null };
  }
  if (collapse?.mode === "throttle") {
    return { debounce: null, throttle: { key, perMs: collapse.perMs } };
  }
  return { debounce: null, throttle: null };
}

function pathText(path: readonly string[] | null | undefined): string | null {
  return path ? path.join(".") : null;
}
