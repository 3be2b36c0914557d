import { cancel } from "millrace";
import { expect, test } from "vitest";
import { Load } from "./harness/load.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";
import { by } from "../support/caller.ts";

test("workers killed under load, two reapers and two dispatchers: nothing lost, nothing twice", async () => {
  const rig = await testRig({ leaseMs: 2000 });
  await Promise.all([rig.startReaper(), rig.startReaper()]);
  await Promise.all([rig.startDispatcher(), rig.startDispatcher()]);
  await Promise.all([rig.startWorker(), rig.startWorker()]);
  const load = new Load(rig, 100).start();
  for (let round = 1; round <= 5; round++) {
    await load.acknowledges(10);
    const later = await rig.enqueue("slow", { ms: 100 }, new Date(Date.now() + 300));
    const held = await rig.accepted("slow", { ms: 400 });
    const { pid } = await rig.untilNoted(held, /start/);
    rig.kill([...rig.workers].find((worker) => worker.pid === pid)!);
    await rig.startWorker();
    await rig.untilNoted(held, /end/);
    await rig.untilNoted(later!, /end/);
  }
  await load.stop();
  const report = await expectWhole(rig);
  expect(report.lostAttempts).toBeGreaterThanOrEqual(5);
  expect(report.recoveriesMs.length).toBeGreaterThanOrEqual(5);
}, 240_000);

test("a run that is to be cancelled when its worker dies ends cancelled, and runs nowhere again", async () => {
  const rig = await testRig({ leaseMs: 600 });
  const worker = await rig.startWorker();
  const id = await rig.accepted("ignores-signal", { ms: 60_000 });
  await rig.untilNoted(id, /start/);
  worker.kill("SIGSTOP");
  expect(await cancel(rig.db, by("a test"), { runId: id, reason: null })).toBe("asked");
  rig.kill(worker);
  await rig.startReaper();
  await rig.startWorker();
  const report = await expectWhole(rig);
  expect(report.executions).toEqual(new Map([[1, 1]]));
  expect(await rig.rows("select state::text, losses from millrace.run")).toEqual([
    { state: "cancelled", losses: 1 },
  ]);
});
