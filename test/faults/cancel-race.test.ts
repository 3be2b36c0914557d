import { defineEvent, defineJob } from "@millrace/sdk";
import { Claimer, cancel } from "millrace";
import { expect, test } from "vitest";
import { wakeWaiting } from "../../packages/server/src/store/timers.ts";
import { by } from "../support/caller.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

test("a run whose cancel is asked for while its failure is being recorded does not wait for another attempt", async () => {
  const [started, fail] = [signal(), signal()];
  const job = defineJob({
    name: "fails",
    retry: { maxAttempts: 2, firstDelay: "1h", maxDelay: "1h" },
    run: async () => {
      started.fire();
      await fail.promise;
      throw new Error("it fails");
    },
  });
  const mill = await Mill.create(job);
  const id = await mill.enqueue("fails");
  await mill.startWorker();
  await started.promise;

  // Somebody holds the run's row. The cancel need not wait for it: the lease is enough. The settling does.
  const holder = await mill.connection();
  await holder.query("begin");
  await holder.query("select 1 from millrace.run where id = $1 for update", [id]);
  expect(await cancel(mill.db, by("ana"), { runId: id, reason: null })).toBe("asked");
  fail.fire();
  await sessionsWait(mill, 1);
  await holder.query("commit");

  expect(await mill.untilState(id, "cancelled")).toMatchObject({ attempts: 1 });
  expect(await mill.rows("select run_id from millrace.timer")).toEqual([]);
});

test("a run with something to make good that is claimed while it is cancelled stands in one place", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const id = await mill.enqueue("any");
  await mill.db.query("update millrace.run set compensates = true where id = $1", [id]);
  const worker = await mill.workerRow();
  const claimer = await mill.connection();
  await claimer.query("begin");
  expect(await new Claimer(claimer, worker, ["default"], ["any"]).claim(1)).toHaveLength(1);
  const cancelled = cancel(mill.db, by("ana"), { runId: id, reason: null });
  await sessionsWait(mill, 1);
  await claimer.query("commit");
  expect(await cancelled).toBe("asked");
  expect(await mill.rows("select unwanted from millrace.lease")).toEqual([{ unwanted: [id] }]);
  expect(await mill.rows("select 1 from millrace.ready")).toEqual([]);
  expect(await mill.rows("select 1 from millrace.unwinding")).toEqual([]);
});

test("a run that is cancelled while it is given an event holds nothing that the giver will want", async () => {
  const tick = defineEvent({ name: "tick" });
  const mill = await Mill.create(
    defineJob({ name: "waits", run: (_input, { step }) => step.waitFor(tick) }),
  );
  const worker = await mill.startWorker();
  const id = await mill.enqueue("waits");
  await mill.untilState(id, "waiting");
  await worker.stop();
  // As millrace.meet does, and who called it.
  const giver = await mill.connection();
  await giver.query("begin");
  await giver.query("select from millrace.waiter where run_id = $1 for update", [id]);
  const cancelled = cancel(mill.db, by("ana"), { runId: id, reason: null });
  await sessionsWait(mill, 1);
  await giver.query("select from millrace.timer where run_id = $1 for update nowait", [id]);
  expect(await wakeWaiting(giver, [id])).toEqual([{ queue: "default", runs: 1 }]);
  await giver.query("commit");
  expect(await cancelled).toBe("cancelled");
  expect(await mill.rows("select from millrace.ready")).toEqual([]);
});

/** Waits until so many sessions wait for a lock. */
function sessionsWait(mill: Mill, count: number): Promise<true> {
  return until(`${count} sessions wait for a lock`, async () => {
    const [row] = await mill.rows<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return row!.n === count;
  });
}
