import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

test("time in which a reaper could not look does not count against a worker", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const silent = await mill.workerRow(2000);
  const holder = await mill.db.connect();
  await holder.query("begin");
  await holder.query("lock table millrace.worker");
  await mill.startReaper(100);
  await until("the reaper waits", async () => {
    const [row] = await mill.rows<{ waits: boolean }>(
      `select exists (select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and query like '%lease_ms%') as waits`,
    );
    return row!.waits;
  });
  // For longer than the worker may be silent. The wait is the fault, not the way to see its end.
  await holder.query("select pg_sleep(2.5)");
  const { rows } = await holder.query("select clock_timestamp() as at");
  await holder.query("commit");
  holder.release();

  const lostAt = await until("it is declared lost all the same", async () => {
    const [row] = await mill.rows<{ ended_at: Date | null }>(
      "select ended_at from millrace.worker where id = $1",
      [silent],
    );
    return row!.ended_at;
  });
  // From now on it was watched for its 2 s, less two sweeps and rounding.
  expect(lostAt.getTime() - rows[0].at.getTime()).toBeGreaterThan(1500);
});
