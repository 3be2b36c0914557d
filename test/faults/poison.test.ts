import { expect, test } from "vitest";
import { isAlive } from "../support/is-alive.ts";
import { until } from "../support/until.ts";
import { poisonRound } from "./harness/poison-round.ts";
import { LONG_LEASE } from "./harness/rig.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

test("one poison and nine innocents in one worker: it is dead after three starts, and they complete", async () => {
  const rig = await testRig();
  await rig.startReaper();
  for (const death of ["exit", "segfault", "kill"] as const) {
    const round = await poisonRound(rig, death);
    expect(round.faults).toEqual([]);
    expect(round.starts - round.cut).toBe(3);
    expect(round.neighbours).toBeGreaterThan(0);
  }
  await expectWhole(rig);
}, 300_000);

test("a run whose workers are killed again and again is no dead letter: it is not what kills them", async () => {
  const rig = await testRig(LONG_LEASE);
  await rig.startReaper();
  let worker = await rig.startWorker();
  const innocent = await rig.accepted("slow", { ms: 60_000 });
  let losses = 0;
  while (losses < 4) {
    await rig.untilNoted(innocent, /start/, losses + 1);
    await rig.bury(worker);
    losses = await until("it is taken back", async () => {
      const [run] = await rig.rows<{ losses: number }>("select losses from millrace.run");
      return run!.losses > losses && run!.losses;
    });
    if (losses < 4) worker = await rig.startWorker();
  }
  expect(await rig.rows("select state, losses, attempts from millrace.run")).toEqual([
    { state: null, losses, attempts: losses },
  ]);
  const [first, ...others] = await rig.rows(
    "select evidence from millrace.attempt order by number",
  );
  expect(first!["evidence"]).toBeNull();
  for (const { evidence } of others)
    expect(evidence).toMatchObject({ died: "worker", lane: "process" });
}, 120_000);

test("a killed worker takes its processes with it, also one that computes and hears nothing", async () => {
  const rig = await testRig();
  const worker = await rig.startWorker();
  const id = await rig.accepted("endless");
  const { at: _, ...entry } = await rig.untilNoted(id, /own pid/);
  const own = Number(entry.event.split(" ")[2]);
  expect(own).not.toBe(worker.pid);
  expect(isAlive(own)).toBe(true);
  rig.kill(worker);
  await until("the process has ended", () => !isAlive(own));
});

test("a suspect whose file is not known runs while nothing else does, and is dead after three lost starts", async () => {
  const rig = await testRig(LONG_LEASE);
  await rig.startReaper();
  let worker = await rig.startWorker();
  const suspect = await rig.accepted("homeless", { ms: 60_000 });
  await rig.untilNoted(suspect, /start/, 1);
  await rig.bury(worker);
  worker = await rig.startWorker();
  await rig.untilNoted(suspect, /start/, 2);
  const other = await rig.accepted("quick");
  const before = rig.ledger().filter(({ run }) => run === other);
  expect(before).toEqual([]);
  await rig.bury(worker);
  await rig.startWorker();
  const third = await Promise.race([
    rig.untilNoted(suspect, /start/, 3),
    rig.untilNoted(other, /end/).then(() => rig.untilNoted(suspect, /start/, 3)),
  ]);
  await rig.bury([...rig.workers].find(({ pid }) => pid === third.pid)!);
  await until("it has its outcome", async () => {
    const [run] = await rig.rows("select state from millrace.run where id = $1", [suspect]);
    return run!["state"] !== null;
  });
  expect(
    await rig.rows(
      "select state::text, attempts, losses, failures from millrace.run where id = $1",
      [suspect],
    ),
  ).toEqual([{ state: "failed", attempts: 3, losses: 3, failures: 0 }]);
  expect(
    await rig.rows("select run_id, error_class, error_message from millrace.dead_letter"),
  ).toEqual([
    {
      run_id: suspect,
      error_class: "WorkerLost",
      error_message: "its worker died 3 times while it ran, the last time while nothing else did",
    },
  ]);
  await rig.startWorker();
  const report = await expectWhole(rig);
  expect(report.deadByLoss).toBe(1);
}, 120_000);
