import { defineJob } from "@millrace/sdk";
import { fireWaiting } from "millrace";
import { expect, test } from "vitest";
import { Timepiece } from "./timepiece.ts";

const hourly = defineJob({ name: "hourly", run: () => null });
const START = "2027-03-01T00:30:00Z";
const DOWN = "3 days";

/** Hourly at :00, and nobody looks for three days: 72 occurrences. */
async function threeDaysDown(policy: object): Promise<Timepiece> {
  const time = await Timepiece.at(START, hourly);
  await time.create(hourly, { name: "s", cron: "0 * * * *", ...policy });
  await time.advance(DOWN);
  await time.fire();
  return time;
}

test("three days down under skip: 72 are skipped, each with its reason, and an alert", async () => {
  const time = await threeDaysDown({ missed: "skip" });
  expect(await time.counts("s")).toEqual({ skipped: 72 });
  const lines = await time.ledger("s");
  expect(lines[0]).toMatchObject({
    nominal: "2027-03-01T01:00:00Z",
    reason: "missed: looked at 2 d 23 h late",
    alert: "missed: looked at 2 d 23 h late",
    run_id: null,
  });
  expect(lines.at(-1)!.nominal).toBe("2027-03-04T00:00:00Z");
  expect(await time.runs("s")).toEqual([]);
});

test("under last, 71 are merged into the last, which is caught up", async () => {
  const time = await threeDaysDown({});
  expect(await time.counts("s")).toEqual({ merged: 71, "caught up": 1 });
  const lines = await time.ledger("s");
  expect(lines[0]!.reason).toContain("merged into 2027-03-04T00:00:00.000Z");
  const runs = await time.runs("s");
  expect(runs).toHaveLength(1);
  expect(runs[0]!.scheduled_for.toISOString()).toBe("2027-03-04T00:00:00.000Z");
});

test("under all, 72 are caught up, one after the other", async () => {
  const time = await threeDaysDown({ missed: "all" });
  expect(await time.counts("s")).toEqual({ "caught up": 1, planned: 71 });
  for (let left = 71; left > 0; left--) {
    expect(await time.workOff()).toBe(1);
    await fireWaiting(time.db);
  }
  expect(await time.counts("s")).toEqual({ "caught up": 72 });
  const instants = (await time.runs("s")).map((run) => run.scheduled_for.getTime());
  expect(instants).toEqual([...instants].sort((a, b) => a - b));
  expect(new Set(instants).size).toBe(72);
});

test("under all up to a limit the newest are caught up, and allow makes them at once", async () => {
  const time = await threeDaysDown({ missed: "all", missedLimit: 10, overlap: "allow" });
  expect(await time.counts("s")).toEqual({ skipped: 62, "caught up": 10 });
  const lines = await time.ledger("s");
  expect(lines[61]!.reason).toContain("more than 10 were");
  expect(lines[62]!.outcome).toBe("caught up");
});

test("what is late within the grace is in time", async () => {
  const time = await Timepiece.at(START, hourly);
  await time.create(hourly, { name: "s", cron: "0 * * * *", grace: "10m" });
  await time.set("2027-03-01T01:09:59Z");
  await time.fire();
  expect(await time.ledger("s")).toMatchObject([{ outcome: "fired", reason: null, alert: null }]);
});
