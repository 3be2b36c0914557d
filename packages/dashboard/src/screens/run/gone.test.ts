import { expect, test } from "vitest";
import { fateOf } from "./gone.ts";

const DAY = 86_400_000;
const ACCEPTED = Date.parse("2026-05-03T10:00:00Z");
const hex = ACCEPTED.toString(16).padStart(12, "0");
const ID = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-9000-000000000000`;

test("a run that is not there may have been deleted once its age is beyond retention", () => {
  const from = ACCEPTED + 90 * DAY;
  expect(fateOf(ID, { keptMs: 90 * DAY, now: from })).toEqual({
    ...{ fate: "gone", accepted: ACCEPTED, from },
  });
  expect(fateOf(ID, { keptMs: 90 * DAY, now: from - 1 })).toEqual({ fate: "never" });
});

test.each([ID.replace("-7000-", "-4000-"), "nonsense", ""])("%j tells no time", (id) => {
  expect(fateOf(id, { keptMs: DAY, now: ACCEPTED + 1000 * DAY })).toEqual({ fate: "never" });
});

test("where runs are kept for ever, none was deleted", () => {
  const far = ACCEPTED + 10_000 * DAY;
  expect(fateOf(ID, { keptMs: "forever", now: far })).toEqual({ fate: "never" });
});
