import { defineJob } from "@millrace/sdk";
import { Claimer } from "millrace";
import { expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const LEASE_MS = 3000;
const SWEEP_MS = 100;

test("time in which a reaper could not look does not count against a worker", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const silent = await mill.workerRow(LEASE_MS);
  const holder = await mill.connection();
  const startedAt = await firstSweep(mill);
  await holder.query("begin");
  await holder.query("lock table millrace.worker");
  await until("the reaper waits", async () => {
    const [row] = await mill.rows<{ waits: boolean }>(
      `select exists (select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock') as waits`,
    );
    return row!.waits;
  });
  const watchedMs = performance.now() - startedAt;
  // For longer than the worker may be silent. The wait is the fault, not the way to see its end.
  await holder.query("select pg_sleep($1)", [LEASE_MS / 1000 + 0.5]);
  const { rows } = await holder.query("select clock_timestamp() as at");
  await holder.query("commit");

  const lostAt = await until("it is declared lost all the same", async () => {
    const [row] = await mill.rows<{ ended_at: Date | null }>(
      "select ended_at from millrace.worker where id = $1",
      [silent],
    );
    return row!.ended_at;
  });
  // The late sweep counts as two.
  const restMs = LEASE_MS - watchedMs - 2 * SWEEP_MS;
  expect(lostAt.getTime() - rows[0].at.getTime()).toBeGreaterThan(restMs - 100);
});

/**
 * Starts a reaper, and waits until it has looked at all workers and taken a run back: from then on it measures.
 *
 * @returns when it was started
 */
async function firstSweep(mill: Mill): Promise<number> {
  const lost = await mill.workerRow();
  await mill.enqueue("any");
  await new Claimer(mill.db, lost, ["default"], ["any"]).claim(1);
  await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [lost]);
  const startedAt = performance.now();
  await mill.startReaper(SWEEP_MS);
  await until("a run was taken back", async () => {
    return (await mill.rows("select from millrace.lease")).length === 0;
  });
  return startedAt;
}
