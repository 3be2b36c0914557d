import type { FlowNode } from "@millrace/core";
import type { Context } from "../context.ts";
import type { NodeEnd } from "./node-types.ts";

/** What the functions of a node are given. */
export type NodeNeeds = Readonly<Record<string, unknown>>;

/** A node with its code: executes it once, in one attempt, over what is on record, and never rejects because the node has failed. */
export interface PlannedNode {
  readonly node: FlowNode;
  readonly execute: (needs: NodeNeeds, ctx: Context) => Promise<Thrown<NodeEnd<unknown>>>;
}

/** How a node ended, and what it threw, where it did so in this attempt: for the stack alone. */
export type Thrown<End> = End & { readonly thrown?: unknown };
