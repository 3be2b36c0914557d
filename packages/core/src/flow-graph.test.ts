import { expect, test } from "vitest";
import { type FlowEnd, type NodeRule, type NodeTurn, NODE_RULES, turnOf } from "./flow-graph.ts";

const completed: FlowEnd = { state: "completed" };
const failed: FlowEnd = { state: "failed" };
const calm: FlowEnd = { state: "skipped", because: null };
const behind: FlowEnd = { state: "skipped", because: "root" };

const skipped = (because: string | null): NodeTurn => ({ state: "skipped", because });

/** By the ends of the nodes `a` and `b` what each rule says. */
const CASES: [ends: FlowEnd[], turns: Record<NodeRule, NodeTurn>][] = [
  [
    [completed, completed],
    {
      ...{ "all completed": "start", "any completed": "start", done: "start" },
      "any failed": skipped(null),
    },
  ],
  [
    [completed, failed],
    {
      ...{ "any completed": "start", "any failed": "start", done: "start" },
      "all completed": skipped("b"),
    },
  ],
  [
    [failed, failed],
    {
      ...{ "any failed": "start", done: "start" },
      ...{ "all completed": skipped("a"), "any completed": skipped("a") },
    },
  ],
  [
    [completed, calm],
    {
      ...{ "any completed": "start", done: "start" },
      ...{ "all completed": skipped(null), "any failed": skipped(null) },
    },
  ],
  [
    [calm, behind],
    {
      ...{ "any failed": "start", done: "start" },
      ...{ "all completed": skipped("root"), "any completed": skipped("root") },
    },
  ],
];

test.each(CASES)("after %j each rule says what it promises", (ends, turns) => {
  for (const when of NODE_RULES) {
    const known = new Map(ends.map((end, place) => ["ab"[place]!, end]));
    expect(turnOf({ after: ["a", "b"], when }, known), when).toEqual(turns[when]);
  }
});

test.each(NODE_RULES)(
  "by the rule %s a node waits until all have ended, and starts after none",
  (when) => {
    expect(turnOf({ after: ["a", "b"], when }, new Map([["a", failed]]))).toBe("wait");
    if (when === "all completed" || when === "done") {
      expect(turnOf({ after: [], when }, new Map())).toBe("start");
    }
  },
);
