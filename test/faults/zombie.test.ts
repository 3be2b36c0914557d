import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

test("a worker that was stopped for longer than its lease writes nothing more, notices, and comes back as another", async () => {
  const rig = await testRig({ leaseMs: 3000 });
  const zombie = await rig.startWorker();
  const talking = await rig.accepted("talkative", { ms: 3000 });
  const waiting = await rig.accepted("slow", { ms: 12_000 });
  await rig.untilNoted(talking, /start/);
  await rig.untilNoted(waiting, /start/);
  await until("its first line is kept", async () => {
    const [line] = await rig.rows("select 1 from millrace.log where run_id = $1", [talking]);
    return line !== undefined;
  });
  zombie.kill("SIGSTOP");

  await rig.startReaper();
  const heir = await rig.startWorker();
  await until("the heir has settled what was talking", async () => {
    const { run } = await recordOf(talking);
    return run!["state"] !== null;
  });
  await rig.untilNoted(waiting, /start/, 2);
  const before = await recordOf(talking);
  zombie.kill("SIGCONT");

  // It notices: what it runs is aborted, and what has ended meanwhile is refused.
  const aborted = await rig.untilNoted(waiting, /abort lease-lost/, 1);
  expect(aborted.pid).toBe(zombie.pid);
  await rig.untilNoted(talking, /^end/, 1);
  await zombie.waitForLine(/declared lost; starting anew/);
  await zombie.waitForLine(new RegExp(`${talking}.*the outcome of this attempt was not recorded`));
  await zombie.waitForLine(new RegExp(`${waiting}.*the outcome of this attempt was not recorded`));
  expect(await recordOf(talking)).toEqual(before);
  expect(before.run).toMatchObject({ state: "completed", output: { pid: heir.pid }, losses: 1 });
  expect(before.lines).toEqual([
    { attempt: 1, message: "before" },
    { attempt: 2, message: "before" },
    { attempt: 2, message: "after" },
  ]);

  // And it works again.
  await until("the former zombie runs something", async () => {
    const id = await rig.accepted("quick");
    return (await rig.untilNoted(id, /start/)).pid === zombie.pid;
  });
  const lives = await rig.rows(
    "select state::text from millrace.worker where name like $1 order by id",
    [`%:${zombie.pid}`],
  );
  expect([lives[0], lives.at(-1)]).toEqual([{ state: "lost" }, { state: "active" }]);
  await expectWhole(rig);

  async function recordOf(id: string) {
    const [run] = await rig.rows(
      "select state::text, output, attempts, losses, finished_at from millrace.run where id = $1",
      [id],
    );
    const lines = await rig.rows(
      "select attempt, message from millrace.log where run_id = $1 order by seq",
      [id],
    );
    const progress = await rig.rows("select * from millrace.progress where run_id = $1", [id]);
    return { run, lines, progress };
  }
});

test("a worker whose event loop is blocked for longer than its lease is not taken for dead", async () => {
  const rig = await testRig({ leaseMs: 4000 });
  await rig.startReaper();
  await rig.startWorker();
  const id = await rig.accepted("blocking", { ms: 9000 });
  const report = await expectWhole(rig);
  expect(report.lostAttempts).toBe(0);
  expect(report.executions).toEqual(new Map([[1, 1]]));
  expect(await rig.rows("select id, state::text from millrace.run")).toEqual([
    { id, state: "completed" },
  ]);
});
