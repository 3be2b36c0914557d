import type { FlowNode } from "@millrace/core";
import type { Context } from "../context.ts";
import type { StepOptions } from "../step/step.ts";
import type { NodeContext } from "./node-types.ts";
import type { NodeNeeds, PlannedNode } from "./planned-node.ts";
import { type TryPolicy, tryNode } from "./try-node.ts";

/** How the function of a node is called. */
export interface CallPolicy extends TryPolicy {
  /** Of one try. */
  readonly timeout: Pick<StepOptions, "timeout">;
}

/** A node that calls a function: each try is a step. */
export function functionNode(
  node: FlowNode,
  { timeout, ...policy }: CallPolicy,
  run: (needs: NodeNeeds, ctx: NodeContext) => unknown,
): PlannedNode {
  const { name } = node;
  return {
    node,
    execute: (needs, ctx) =>
      tryNode(ctx, name, policy, () =>
        ctx.step(name, timeout, ({ signal }) => run(needs, nodeContext(ctx, name, name, signal))),
      ),
  };
}

/** @param place the node, or the item of it, that no other has */
export function nodeContext(
  ctx: Context,
  node: string,
  place: string,
  signal: AbortSignal,
): NodeContext {
  const { runId, job, attempt, trigger, scheduledFor, correlationId, secrets, log } = ctx;
  return {
    ...{ runId, job, attempt, trigger, scheduledFor, correlationId, secrets, log, node, signal },
    idempotencyKey: `${runId}-${place}`,
    // A call that takes longer than its node may is not wanted any more.
    fetch: (url, init = {}) =>
      ctx.fetch(url, {
        ...init,
        signal: init.signal ? AbortSignal.any([init.signal, signal]) : signal,
      }),
  };
}
