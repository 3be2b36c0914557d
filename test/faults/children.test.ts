import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { LONG_LEASE } from "./harness/rig.ts";
import { testRig } from "./harness/test-rig.ts";

test.each(["call.before", "call.after_commit"] as const)(
  "a worker that is killed at %s leaves one child, which its parent gets the result of",
  async (point) => {
    const rig = await testRig(LONG_LEASE);
    await rig.startReaper();
    // Its one slot is the parent's: a claim that is under way meanwhile must not take the child with it.
    const { child: worker, failpoints } = await rig.startHeldWorker({ concurrency: 1 });
    const held = failpoints.hold(point);
    await worker.waitForLine(/^ready$/, { deadlineMs: 120_000 });
    const id = await rig.accepted("calling");
    await held;
    const children = () =>
      rig.rows("select state::text from millrace.run where trigger = 'parent'");
    expect(await children()).toHaveLength(point === "call.before" ? 0 : 1);
    await rig.bury(worker);
    await rig.startWorker();
    await rig.untilNoted(id, /^end/);
    await rig.settled();
    expect(await children()).toEqual([{ state: "completed" }]);
    expect(
      await rig.rows("select state::text, output, losses from millrace.run where id = $1", [id]),
    ).toEqual([{ state: "completed", output: { attempt: 1 }, losses: 1 }]);
  },
);

test("a worker that is killed before it tells a parent of its child's end holds up nothing: another look does", async () => {
  const rig = await testRig(LONG_LEASE);
  const { child: worker, failpoints } = await rig.startHeldWorker();
  const held = failpoints.hold("meet.before");
  await worker.waitForLine(/^ready$/, { deadlineMs: 120_000 });
  const id = await rig.accepted("calling");
  await held;
  expect(await rig.rows("select 1 from millrace.child_end")).toHaveLength(1);
  await rig.bury(worker);
  await rig.startReaper();
  await rig.startWorker();
  await until("the parent has ended", async () => {
    await meetWaits(rig.db);
    const [run] = await rig.rows<{ state: string | null }>(
      "select state::text from millrace.run where id = $1",
      [id],
    );
    return run!.state === "completed";
  });
});

test("a worker that was stopped for longer than its lease before it calls makes no second child", async () => {
  const rig = await testRig({ leaseMs: 2000 });
  const { child: zombie, failpoints } = await rig.startHeldWorker();
  const held = failpoints.hold("call.before");
  await zombie.waitForLine(/^ready$/, { deadlineMs: 120_000 });
  const id = await rig.accepted("calling");
  await held;
  zombie.kill("SIGSTOP");
  await rig.startReaper();
  await rig.startWorker();
  await rig.untilNoted(id, /^end/);
  zombie.kill("SIGCONT");
  failpoints.release();
  await rig.untilNoted(id, /abort lease-lost/, 1);
  await zombie.waitForLine(new RegExp(`${id}.*the outcome of this attempt was not recorded`));
  await rig.settled();
  expect(await rig.rows("select state::text from millrace.run where trigger = 'parent'")).toEqual([
    { state: "completed" },
  ]);
});
