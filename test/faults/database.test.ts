import { setTimeout as pace } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { Load } from "./harness/load.ts";
import { PrivatePostgres } from "./harness/private-postgres.ts";
import type { Rig } from "./harness/rig.ts";
import { expectWhole, rigOn, testRig } from "./harness/test-rig.ts";

/** Workers that were taken for dead, though none died. */
const mistakenForDead = (rig: Rig) =>
  rig.rows("select name from millrace.worker where state = 'lost'");

test("sessions that are terminated again and again under load cost no run its outcome", async () => {
  // Each time the heartbeat needs a new connection, too: on a busy machine that alone may take as long as the usual lease here.
  const rig = await testRig({ leaseMs: 20_000 });
  await rig.startReaper();
  await rig.startDispatcher();
  await Promise.all([rig.startWorker(), rig.startWorker()]);
  const load = new Load(rig, 100).start();
  let terminated = 0;
  while (terminated < 100) {
    await load.acknowledges(5);
    const killed = await rig.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'millrace%'`,
    );
    terminated += killed.length;
  }
  await load.stop();
  await expectWhole(rig);
  expect(await mistakenForDead(rig)).toEqual([]);
});

test("a PostgreSQL that crashes again and again under load: nothing acknowledged is lost, and no worker is taken for dead", async () => {
  const server = await PrivatePostgres.create();
  onTestFinished(() => server.remove());
  const rig = rigOn({ url: server.url, leaseMs: 10_000 });
  await rig.startReaper();
  await rig.startDispatcher();
  await Promise.all([rig.startWorker(), rig.startWorker()]);
  const load = new Load(rig, 100).start();
  for (let crash = 1; crash <= 4; crash++) {
    await load.acknowledges(20);
    await untilBusy(rig);
    await server.crash();
    // Away for longer than the lease, the second time: time in which nobody could watch does not count.
    if (crash === 2) await pace(rig.leaseMs * 1.3);
    await server.start();
  }
  await untilBusy(rig);
  await load.stop();
  await expectWhole(rig, { databaseCrashed: true });
  expect(await mistakenForDead(rig)).toEqual([]);
});

test("an outcome whose statement is cancelled by an operator is recorded all the same", async () => {
  const rig = await testRig();
  await rig.startWorker();
  await rig.rows("update millrace.queue set paused_at = now() where name = 'default'");
  const id = await rig.accepted("quick");
  const holder = await rig.observer.connect();
  try {
    await holder.query("begin");
    // A claim reads the run and locks nothing of it.
    await holder.query("select 1 from millrace.run where id = $1 for update", [id]);
    await rig.rows("update millrace.queue set paused_at = null");
    for (let times = 0; times < 3; times++) {
      await until("its settling waits, and is cancelled", async () => {
        const cancelled = await rig.rows(
          `select pg_cancel_backend(pid) from pg_stat_activity
           where datname = current_database() and query like '%for no key update%' and wait_event_type = 'Lock'`,
        );
        return cancelled.length > 0;
      });
    }
  } finally {
    await holder.query("rollback");
    holder.release();
  }
  await expectWhole(rig);
  expect(await rig.rows("select state::text, attempts, failures from millrace.run")).toEqual([
    { state: "completed", attempts: 1, failures: 0 },
  ]);
});

/** Waits until a run that is asked for from now on has completed. */
async function untilBusy(rig: Rig): Promise<void> {
  const id = await until("a run is acknowledged", () => rig.enqueue("quick"));
  await rig.untilNoted(id, /end/);
}
