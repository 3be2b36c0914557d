import { describe, expect, test } from "vitest";
import { FINAL_STATES, RUN_STATES, TRANSITIONS, allows, isFinal, lifecycleDiagram } from "./run.ts";

describe("the table of transitions", () => {
  test("never leads out of a final state", () => {
    for (const { event, from } of TRANSITIONS) {
      for (const state of from) expect(isFinal(state), event).toBe(false);
    }
  });

  test("leads from both places of acceptance to every final state", () => {
    const reached = new Set<string>(["queued", "scheduled"]);
    for (let size = 0; size < reached.size;) {
      size = reached.size;
      for (const { from, to } of TRANSITIONS) {
        if (from.some((state) => reached.has(state))) to.forEach((state) => reached.add(state));
      }
    }
    expect([...FINAL_STATES].filter((state) => !reached.has(state))).toEqual([]);
  });

  test("names each event once", () => {
    expect(new Set(TRANSITIONS.map((t) => t.event)).size).toBe(TRANSITIONS.length);
  });

  test("allows a cancel to wait for the worker while the run runs", () => {
    const waits = ["scheduled", "queued", "waiting"];
    expect(RUN_STATES.filter((state) => allows(state, "cancel"))).toEqual(waits);
    expect(RUN_STATES.filter((state) => allows(state, "stop"))).toEqual(["running"]);
  });

  test("draws itself", () => {
    expect(lifecycleDiagram()).toContain("running --> failed: lose");
  });
});
