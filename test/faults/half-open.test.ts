import { inTransaction, openDatabase } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";
import { FaultProxy } from "./harness/fault-proxy.ts";
import { Load } from "./harness/load.ts";
import type { Rig } from "./harness/rig.ts";
import { expectWhole, proxiedRig } from "./harness/test-rig.ts";

test("connections that go silent are given up and replaced, and no worker is taken for dead", async () => {
  const { rig, proxy } = await proxiedRig({ leaseMs: 15_000, statementMs: 3000 });
  await rig.startReaper();
  await rig.startDispatcher();
  await rig.startWorker();
  const load = new Load(rig, 40).start();
  await until("it works", () => completesOne(rig));
  proxy.goSilent();
  expect(proxy.silent).toBeGreaterThan(3);
  // A statement is given up 5 s after the server should have done so itself.
  await until("runs that are asked for now complete", () => completesOne(rig), {
    deadlineMs: 60_000,
  });
  await load.stop();
  await until("the silent connections are gone", () => proxy.silent === 0, { deadlineMs: 120_000 });
  await expectWhole(rig);
  expect(await rig.rows("select name from millrace.worker where state = 'lost'")).toEqual([]);
}, 300_000);

test("a heartbeat's connection that goes silent while it is being made is given up, and no other is left behind", async () => {
  const { rig, proxy } = await proxiedRig({ leaseMs: 8000 });
  await rig.startWorker();
  proxy.cutOnce({ lose: "request", text: "worker_beat" });
  proxy.goSilentAt("millrace heartbeat", "pg_backend_pid");
  await until("it is silent", () => proxy.silent === 1);
  await until("it is given up", () => proxy.silent === 0);
  const [seen] = await rig.rows("select beat from millrace.worker");
  await until("the heart beats on", async () => {
    const [now] = await rig.rows("select beat from millrace.worker");
    return now?.beat > seen?.beat;
  });
  await until("it has one connection", () => proxy.linksOf("millrace heartbeat") === 1);
}, 180_000);

async function completesOne(rig: Rig): Promise<boolean> {
  const id = await rig.enqueue("quick");
  if (id === undefined) return false;
  await rig.untilNoted(id, /end/);
  return true;
}

test("a transaction whose connection went silent leaves no client behind for the next to hang on", async () => {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const proxy = await FaultProxy.to(url);
  onTestFinished(() => proxy.close());
  const db = openDatabase({
    connection: () => ({ connectionString: proxy.url }),
    applicationName: "millrace test",
    maxConnections: 1,
    statementMs: 500,
  });
  onTestFinished(() => db.end());
  const cut = inTransaction(db, async (tx) => {
    proxy.goSilent();
    await tx.query({ text: "select 1" });
  });
  await expect(cut).rejects.toThrow(/timeout/i);
  const { rows } = await inTransaction(db, (tx) => tx.query({ text: "select 2 as two" }));
  expect(rows).toEqual([{ two: 2 }]);
});
