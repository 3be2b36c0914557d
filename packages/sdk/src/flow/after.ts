import type { NodeRule } from "@millrace/core";

/** Which nodes one comes after, and by what rule it starts then. */
export interface After<Name extends string = string, Rule extends NodeRule = NodeRule> {
  readonly after: readonly Name[];
  readonly when: Rule;
}

/**
 * An edge of a flow, as the options of a node: `.node("load", after("transform"), …)`, or with others
 * `.node("load", { ...after("transform"), timeout: "10m" }, …)`. All of the nodes have ended before the rule decides:
 *
 * - `after(…)`: each has completed. The node gets what they gave.
 * - `after.anyCompleted(…)`: at least one has.
 * - `after.anyFailed(…)`: at least one has failed, or was skipped because of one that has.
 * - `after.done(…)`: whatever came of them.
 *
 * The node of any of the last three gets how each of them ended, as a {@link NodeEnd}.
 */
export const after = Object.assign(edge("all completed"), {
  anyCompleted: edge("any completed"),
  anyFailed: edge("any failed"),
  done: edge("done"),
});

function edge<Rule extends NodeRule>(when: Rule) {
  return <const Name extends string>(...names: readonly [Name, ...Name[]]): After<Name, Rule> => ({
    after: names,
    when,
  });
}
