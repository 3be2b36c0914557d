import { defineJob } from "@millrace/sdk";
import {
  BackfillRunner,
  beginBackfill,
  createLogger,
  requireOperation,
  steerOperation,
} from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { by } from "../support/caller.ts";
import { until } from "../support/until.ts";
import { Timepiece } from "./timepiece.ts";

const job = defineJob({ name: "work", run: () => null });
const RANGE = { from: new Date("2027-01-01T00:00:00Z"), until: new Date("2027-01-02T00:00:00Z") };

async function afterADay(): Promise<Timepiece> {
  const time = await Timepiece.at("2027-01-01T11:30:00Z", job);
  await time.create(job, { name: "s", cron: "0 * * * *", overlap: "allow", missed: "skip" });
  await time.set("2027-01-02T00:00:10Z");
  await time.fire();
  return time;
}

async function startRunner(time: Timepiece): Promise<void> {
  const runner = new BackfillRunner({
    db: time.db,
    bell: { ring: () => {} },
    logger: createLogger("silent"),
  });
  onTestFinished(() => runner.stop());
  await runner.start();
}

test("a backfill makes a run for each occurrence that never got one: once, however often it is asked", async () => {
  const time = await afterADay();
  // From noon on the schedule was there, and nobody looked: skipped. Midnight of the next day fired in time.
  expect(await time.counts("s")).toEqual({ skipped: 12, fired: 1 });
  const id = await beginBackfill(time.db, by("ana"), "s", RANGE, 1000);
  expect(await requireOperation(time.db, id)).toMatchObject({ kind: "backfill", total: 24 });
  await expect(beginBackfill(time.db, by("ana"), "s", RANGE, 1000)).rejects.toThrow(
    "nothing to make up for",
  );
  await startRunner(time);
  const ended = await until("the backfill is completed", async () => {
    await time.advance("1 second");
    const operation = await requireOperation(time.db, id);
    return operation.state === "completed" && operation;
  });
  expect(ended).toMatchObject({ handled: 24, done: 24, refused: 0 });
  expect(await time.counts("s")).toEqual({ "caught up": 24, fired: 1 });
  const runs = await time.runs("s");
  expect(new Set(runs.map((run) => run.scheduled_for.getTime())).size).toBe(25);
  await expect(beginBackfill(time.db, by("ana"), "s", RANGE, 1000)).rejects.toThrow(
    "nothing to make up for",
  );
});

test("one that is cancelled leaves what it had not done as skipped", async () => {
  const time = await afterADay();
  const id = await beginBackfill(time.db, by("ana"), "s", RANGE, 1);
  await steerOperation(time.db, by("test"), id, "pause");
  await steerOperation(time.db, by("test"), id, "resume");
  await steerOperation(time.db, by("test"), id, "cancel");
  expect(await time.counts("s")).toEqual({ skipped: 24, fired: 1 });
  expect((await time.ledger("s"))[0]!.reason).toBe(`backfill ${id} was cancelled`);
});

test("a range that is not over, or too long, is refused", async () => {
  const time = await afterADay();
  const { from } = RANGE;
  await expect(
    beginBackfill(time.db, by("ana"), "s", { from, until: new Date("2028-01-01T00:00:00Z") }, 50),
  ).rejects.toThrow("not after now");
  await expect(
    beginBackfill(
      time.db,
      by("ana"),
      "s",
      { from: new Date("2020-01-01T00:00:00Z"), until: RANGE.until },
      50,
    ),
  ).rejects.toThrow("more than 10000");
});
