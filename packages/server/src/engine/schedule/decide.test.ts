import {
  occurrencesOf,
  type SchedulePolicyOptions,
  schedulePolicy,
  scheduleRule,
} from "@millrace/core";
import { expect, test } from "vitest";
import { type Decision, decide } from "./decide.ts";

const DAY = 86_400_000;

/** As schedulers do it: portion after portion, until nothing is due. Nothing of it is open. */
function decideAll(policy: SchedulePolicyOptions, every: string, downMs: number): Decision[] {
  const next = occurrencesOf(scheduleRule({ every }), "s");
  const now = 100 * DAY;
  const all: Decision[] = [];
  for (let after = now - downMs; ;) {
    const decided = decide({
      next,
      after,
      now,
      policy: schedulePolicy(policy),
      pause: null,
      open: [],
      waiting: 0,
    });
    for (const decision of decided.decisions) all.push(decision);
    if (!decided.next || decided.next.at > now) return all;
    after = decided.next.nominal - 1;
  }
}

function counts(decisions: readonly Decision[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { outcome } of decisions) found[outcome] = (found[outcome] ?? 0) + 1;
  return found;
}

test("ten hours of one a second are decided whole, each once, in portions", () => {
  const decisions = decideAll({ missed: "last", overlap: "allow" }, "1s", 36_000_000);
  // Within the grace of a minute, with both its ends, lie 61.
  expect(counts(decisions)).toEqual({
    merged: 36_000 - 61 - 1,
    "caught up": 1,
    fired: 61,
  });
  const instants = new Set(decisions.map(({ nominal }) => nominal));
  expect(instants.size).toBe(decisions.length);
});

test("of those, the newest up to the limit are caught up", () => {
  const decisions = decideAll(
    { missed: "all", missedLimit: 1000, overlap: "allow" },
    "1s",
    36_000_000,
  );
  expect(counts(decisions)).toEqual({
    skipped: 36_000 - 61 - 1000,
    "caught up": 1000,
    fired: 61,
  });
  const firstKept = decisions.findIndex(({ outcome }) => outcome === "caught up");
  expect(decisions.slice(firstKept).every(({ fires }) => fires)).toBe(true);
});

test("what is in time may fill a portion: the last that was missed before it is caught up all the same", () => {
  const policy = { grace: "1h", overlap: "allow" } as const;
  const hours = 3_600_000;
  expect(counts(decideAll({ ...policy, missed: "last" }, "1s", 6 * hours))).toEqual({
    merged: 5 * 3600 - 2,
    "caught up": 1,
    fired: 3601,
  });
  expect(counts(decideAll({ ...policy, missed: "all" }, "1s", 6 * hours))).toEqual({
    skipped: 5 * 3600 - 101,
    "caught up": 100,
    fired: 3601,
  });
});

test("several that are in time at once: with skip the first fires, with cancel-running the last", () => {
  const skip = decideAll({ overlap: "skip" }, "20s", 60_000);
  expect(skip.map(({ outcome }) => outcome)).toEqual(["fired", "skipped", "skipped"]);
  const cancel = decideAll({ overlap: "cancel-running" }, "20s", 60_000);
  expect(cancel.map(({ outcome }) => outcome)).toEqual(["merged", "merged", "fired"]);
});

test("no more than 1,000 wait", () => {
  const decisions = decideAll({ overlap: "queue-all", grace: "1d" }, "1m", DAY);
  expect(counts(decisions)).toEqual({ fired: 1, planned: 1000, skipped: 439 });
});
