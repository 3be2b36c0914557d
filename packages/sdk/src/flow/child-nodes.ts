import type { FlowNode } from "@millrace/core";
import type { AnyJob } from "../job.ts";
import type { ChildOptions, FanOutOptions } from "../step/child-options.ts";
import type { NodeNeeds, PlannedNode } from "./planned-node.ts";
import { tryNode } from "./try-node.ts";

/** A node that is a run of another job. Its input is made anew in each attempt, and that of the first counts. */
export function childNode(
  node: FlowNode,
  options: ChildOptions,
  job: AnyJob,
  inputOf: (needs: NodeNeeds) => unknown,
): PlannedNode {
  const { name } = node;
  return {
    node,
    execute: (needs, ctx) =>
      tryNode<unknown>(ctx, name, null, async () =>
        ctx.step.call(job, inputOf(needs) ?? {}, { ...options, name }),
      ),
  };
}

/** A node that is a run of another job for each of many inputs. */
export function childrenNode(
  node: FlowNode,
  options: FanOutOptions,
  job: AnyJob,
  inputsOf: (needs: NodeNeeds) => readonly unknown[],
): PlannedNode {
  const { name } = node;
  // Which of the two signatures it is, only the author knows.
  const given = { ...options, name } as FanOutOptions & { failures: "collect" };
  return {
    node,
    execute: (needs, ctx) =>
      tryNode(ctx, name, null, async () => {
        const inputs = inputsOf(needs);
        // A fan-out of nothing leaves no record, and a node does.
        if (Array.isArray(inputs) && inputs.length === 0) return ctx.step(name, () => []);
        return ctx.step.fanOut(job, inputs, given);
      }),
  };
}
