import { type FlowNode, MillraceError, NODE_STEPS } from "@millrace/core";
import type { Context } from "../context.ts";
import { type CallPolicy, nodeContext } from "./function-node.ts";
import type { ItemContext, ItemEnd, NodeEnd } from "./node-types.ts";
import type { NodeNeeds, PlannedNode, Thrown } from "./planned-node.ts";
import { tryNode } from "./try-node.ts";

/** How the items of a map are taken. */
export interface MapPolicy extends CallPolicy {
  /** So many at once. */
  readonly concurrency: number;
  readonly collect: boolean;
}

interface MapCode {
  readonly list: (needs: NodeNeeds) => readonly unknown[];
  readonly each: (item: unknown, ctx: ItemContext<NodeNeeds>) => unknown;
}

const MAX_ITEMS = 10_000;

/**
 * A node that calls a function for each item of a list: each try of an item is a step of its own. The items are not on record, because
 * they come from what is; how many there are is, and is compared.
 */
export function mapNode(node: FlowNode, policy: MapPolicy, code: MapCode): PlannedNode {
  const { name } = node;
  return {
    node,
    execute: async (needs, ctx) => {
      const listed = await tryNode(ctx, name, null, async () => {
        const items = requireList(code.list(needs), name);
        const { items: recorded } = await ctx.step(name, () => ({ items: items.length }));
        if (recorded !== items.length) throw otherList(name, recorded, items.length);
        return items;
      });
      return listed.state === "failed" ? listed : takeAll(listed.value, needs, ctx);
    },
  };

  async function takeAll(
    items: readonly unknown[],
    needs: NodeNeeds,
    ctx: Context,
  ): Promise<Thrown<NodeEnd<unknown>>> {
    const ends: ItemEnd<unknown>[] = Array.from({ length: items.length });
    let next = 0;
    let first: { index: number; end: Thrown<ItemEnd<unknown> & { state: "failed" }> } | undefined;
    // Places are given in the order of the list, and lanes go on in the order on record: so each item has the same one in every attempt.
    const lane = async (): Promise<void> => {
      while (next < items.length && (policy.collect || !first)) {
        const index = next++;
        const { thrown, ...end } = await take(items[index], index, needs, ctx);
        ends[index] = end;
        if (end.state === "failed") first ??= { index, end: { ...end, thrown } };
      }
    };
    await Promise.all(Array.from({ length: Math.min(policy.concurrency, items.length) }, lane));
    if (policy.collect) return { state: "completed", value: ends };
    if (!first)
      return { state: "completed", value: ends.map((end) => "value" in end && end.value) };
    const { index, end } = first;
    const { class: errorClass, message } = end.error;
    // For the record of the node: its item's is there.
    return tryNode(ctx, name, null, () =>
      Promise.reject(
        Object.assign(new Error(`item ${index}: ${message}`, { cause: end.thrown }), {
          name: errorClass,
        }),
      ),
    );
  }

  function take(
    item: unknown,
    index: number,
    needs: NodeNeeds,
    ctx: Context,
  ): Promise<Thrown<ItemEnd<unknown>>> {
    const place = NODE_STEPS.item(name, index);
    return tryNode(ctx, place, policy, () =>
      ctx.step(place, policy.timeout, ({ signal }) =>
        code.each(item, { ...nodeContext(ctx, name, place, signal), index, needs }),
      ),
    );
  }
}

function requireList(list: unknown, node: string): readonly unknown[] {
  if (Array.isArray(list) && list.length <= MAX_ITEMS) return list as readonly unknown[];
  const why = Array.isArray(list)
    ? `has ${list.length} items, and ${MAX_ITEMS} are allowed; let each stand for a part of what there is`
    : `is no array but of type ${typeof list}; what is read or asked for on the way belongs into a node before this one`;
  throw new TypeError(`node ${node}: its list ${why}`);
}

function otherList(node: string, recorded: number, found: number): MillraceError {
  return new MillraceError(
    "step_mismatch",
    `node ${node}: its list has ${found} items, and had ${recorded} when it began; make it of what the nodes before it gave, and of the input, alone`,
  );
}
