import { defineJob } from "@millrace/sdk";
import { fireWaiting, pauseSchedule, resumeSchedule, watchForStarts } from "millrace";
import { expect, test } from "vitest";
import { by } from "../support/caller.ts";
import { Timepiece } from "./timepiece.ts";

const job = defineJob({ name: "work", run: () => null });

/** Each minute, with a run that nobody ends: the first has fired. */
async function withOpenRun(
  overlap: "skip" | "queue-one" | "queue-all" | "cancel-running" | "allow",
) {
  const time = await Timepiece.at("2027-01-01T00:00:30Z", job);
  await time.create(job, { name: "s", cron: "* * * * *", overlap });
  await tick(time);
  const { finish } = await time.work();
  return { time, finish };
}

async function tick(time: Timepiece): Promise<void> {
  await time.advance("1 minute");
  await time.fire();
}

test("skip: nothing fires while a run is open, and the reason names it", async () => {
  const { time, finish } = await withOpenRun("skip");
  const id = (await time.runs("s"))[0]!.id;
  await tick(time);
  expect((await time.ledger("s"))[1]).toMatchObject({
    outcome: "skipped",
    reason: `run ${id} of 2027-01-01T00:01:00.000Z is open`,
  });
  await finish();
  await tick(time);
  expect(await time.counts("s")).toEqual({ fired: 2, skipped: 1 });
});

test("queue-one: one waits, and more are merged into it", async () => {
  const { time, finish } = await withOpenRun("queue-one");
  for (let n = 0; n < 3; n++) await tick(time);
  expect(await time.counts("s")).toEqual({ fired: 1, planned: 1, merged: 2 });
  await fireWaiting(time.db);
  expect(await time.runs("s")).toHaveLength(1);
  await finish();
  await fireWaiting(time.db);
  expect(await time.counts("s")).toEqual({ fired: 2, merged: 2 });
  const runs = await time.runs("s");
  expect(runs[1]!.scheduled_for.toISOString()).toBe("2027-01-01T00:02:00.000Z");
});

test("queue-all: each waits for its turn, oldest first", async () => {
  const { time, finish } = await withOpenRun("queue-all");
  for (let n = 0; n < 3; n++) await tick(time);
  expect(await time.counts("s")).toEqual({ fired: 1, planned: 3 });
  await finish();
  for (let n = 0; n < 3; n++) {
    await fireWaiting(time.db);
    expect(await time.workOff()).toBe(1);
  }
  await fireWaiting(time.db);
  expect(await time.counts("s")).toEqual({ fired: 4 });
});

test("cancel-running: the open run is told to stop, and the new one starts", async () => {
  const { time } = await withOpenRun("cancel-running");
  await tick(time);
  const [first] = await time.runs("s");
  const { rows } = await time.db.query("select run_id, reason from millrace.cancellation");
  expect(rows).toEqual([{ run_id: first!.id, reason: "schedule s has started another run" }]);
  expect(await time.counts("s")).toEqual({ fired: 2 });
});

test("allow: it fires whatever runs", async () => {
  const { time } = await withOpenRun("allow");
  for (let n = 0; n < 3; n++) await tick(time);
  expect(await time.counts("s")).toEqual({ fired: 4 });
});

test("what is due in a pause is skipped with its reason, also when nobody looked meanwhile", async () => {
  const time = await Timepiece.at("2027-01-01T00:00:30Z", job);
  await time.create(job, { name: "s", cron: "* * * * *", overlap: "allow", grace: "1h" });
  await pauseSchedule(
    time.db,
    by("ana"),
    "s",
    "vendor down",
    new Date("2027-01-01T00:03:00Z"),
    null,
  );
  await time.set("2027-01-01T00:04:30Z");
  await time.fire();
  expect((await time.ledger("s")).map(({ outcome, reason }) => [outcome, reason])).toEqual([
    ["skipped", "paused by ana: vendor down"],
    ["skipped", "paused by ana: vendor down"],
    ["fired", null],
    ["fired", null],
  ]);
  await pauseSchedule(time.db, by("ana"), "s", null, null, null);
  await tick(time);
  await resumeSchedule(time.db, by("ana"), "s");
  await tick(time);
  expect((await time.ledger("s")).slice(4).map(({ outcome }) => outcome)).toEqual([
    "skipped",
    "fired",
  ]);
});

test("blackouts are on record", async () => {
  const time = await Timepiece.at("2027-01-01T00:00:30Z", job);
  const blackouts = [{ from: "00:01", until: "00:02" }];
  await time.create(job, { name: "s", cron: "* * * * *", overlap: "allow", blackouts });
  await tick(time);
  await tick(time);
  expect(await time.ledger("s")).toMatchObject([
    { outcome: "skipped", reason: "blackout 00:01 to 00:02" },
    { outcome: "fired" },
  ]);
});

test("a run that does not start within the grace leaves an alert with its occurrence and an event, once", async () => {
  const time = await Timepiece.at("2027-01-01T00:00:30Z", job);
  await time.create(job, { name: "s", at: "2027-01-01T00:01:00Z", grace: "45s" });
  await tick(time);
  expect(await watchForStarts(time.db)).toEqual({ late: [], more: false });
  await time.advance("1 minute");
  const [run] = await time.runs("s");
  expect((await watchForStarts(time.db)).late).toMatchObject([
    { schedule: "s", runId: run!.id, why: "its run has not started" },
  ]);
  expect((await watchForStarts(time.db)).late).toEqual([]);
  expect(await time.ledger("s")).toMatchObject([
    { outcome: "fired", alert: "its run has not started" },
  ]);
  const { rows } = await time.db.query("select event from millrace.event where run_id = $1", [
    run!.id,
  ]);
  expect(rows).toEqual([{ event: "late" }]);
});

test("one that has started in time leaves none, running or done", async () => {
  const time = await Timepiece.at("2027-01-01T00:00:30Z", job);
  await time.create(job, { name: "s", cron: "* * * * *", grace: "30s", overlap: "allow" });
  await tick(time);
  await time.workOff();
  await tick(time);
  await time.work();
  await time.advance("40 seconds");
  expect((await watchForStarts(time.db)).late).toEqual([]);
});
