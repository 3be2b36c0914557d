import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { OutcomeKeeper } from "../../packages/server/src/maintenance/outcome-keeper.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

test("what a worker completes is told when it stops at the latest, and counted by maintenance like what fails", async () => {
  const fine = defineJob({ name: "fine", run: () => null });
  const broken = defineJob({
    name: "broken",
    retry: { maxAttempts: 1 },
    run: () => {
      throw new Error("alas");
    },
  });
  const mill = await Mill.create(fine, broken);
  const worker = await mill.startWorker();
  for (let n = 0; n < 3; n++) await mill.enqueue("fine");
  const failed = await mill.enqueue("broken");
  await until("all have ended", async () => {
    const rows = await mill.rows("select from millrace.run where state is null");
    return rows.length === 0;
  });
  await worker.stop();
  const keeper = new OutcomeKeeper(mill);
  await keeper.start();
  const counts = () => mill.rows("select job, outcome, ends from millrace.end_minute order by job");
  await until("both are counted", async () => (await counts()).length === 2);
  await keeper.stop();
  const expected = [
    { job: "broken", outcome: "failed", ends: 1 },
    { job: "fine", outcome: "completed", ends: 3 },
  ];
  expect(await counts()).toEqual(expected);
  expect(await mill.rows("select job, outcome, ends from millrace.end_hour order by job")).toEqual(
    expected,
  );
  expect(await mill.rows("select job, last_run, runs from millrace.error_group")).toEqual([
    { job: "broken", last_run: failed, runs: 1 },
  ]);
  expect(
    await mill.rows("select from millrace.queue_sample"),
    "it has looked what stands",
  ).not.toEqual([]);
});
