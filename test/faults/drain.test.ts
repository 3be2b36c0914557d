import { expect, test } from "vitest";
import { Load } from "./harness/load.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

test("a worker that drains lets runs finish, hands back what does not, and counts no failure", async () => {
  const rig = await testRig({ leaseMs: 30_000 });
  const leaving = await rig.startWorker({ drainMs: 1500 });
  const short = await rig.accepted("slow", { ms: 600 });
  const long = await rig.accepted("slow", { ms: 10_000 });
  const deaf = await rig.accepted("ignores-signal", { ms: 12_000 });
  for (const id of [short, long, deaf]) await rig.untilNoted(id, /start/);
  leaving.kill("SIGTERM");
  await rig.startWorker();
  expect((await rig.untilNoted(short, /end/)).pid).toBe(leaving.pid);
  await rig.untilNoted(long, /abort shutdown/);
  // Long before the lease would have ended.
  await rig.untilNoted(long, /start/, 2);
  await rig.untilNoted(deaf, /start/, 2);
  expect(await leaving.exited).toEqual({ code: 0, signal: null });
  const report = await expectWhole(rig);
  expect(report.lostAttempts).toBe(0);
  expect(
    await rig.rows(
      "select id, attempts, failures, losses from millrace.run order by array_position($1::uuid[], id)",
      [[short, long, deaf]],
    ),
  ).toEqual([
    { id: short, attempts: 1, failures: 0, losses: 0 },
    { id: long, attempts: 2, failures: 0, losses: 0 },
    { id: deaf, attempts: 2, failures: 0, losses: 0 },
  ]);
  expect(await rig.rows("select distinct outcome::text from millrace.attempt")).toEqual([
    { outcome: "released" },
  ]);
});

test("workers that are replaced one after another under load cost no run an attempt that counts", async () => {
  // So long a lease that nothing of this is the reaper's work.
  const rig = await testRig({ leaseMs: 60_000 });
  await rig.startReaper();
  await rig.startDispatcher();
  await Promise.all([rig.startWorker({ drainMs: 100 }), rig.startWorker({ drainMs: 100 })]);
  const load = new Load(rig, 100).start();
  for (let round = 1; round <= 4; round++) {
    await rig.startWorker({ drainMs: 100 });
    const held = await rig.accepted("slow", { ms: 3000 });
    const { pid } = await rig.untilNoted(held, /start/);
    const leaving = [...rig.workers].find((worker) => worker.pid === pid);
    leaving!.kill("SIGTERM");
    expect(await leaving!.exited).toEqual({ code: 0, signal: null });
    rig.workers.delete(leaving!);
  }
  await load.stop();
  const report = await expectWhole(rig);
  expect(report.lostAttempts).toBe(0);
  const failed = await rig.rows(
    "select job from millrace.run where failures > 0 and job <> 'failing'",
  );
  expect(failed).toEqual([]);
  const released = await rig.rows("select 1 from millrace.attempt where outcome = 'released'");
  expect(released.length).toBeGreaterThanOrEqual(4);
});
