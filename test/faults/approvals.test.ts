import { expect, test } from "vitest";
import { answerTo } from "../../packages/server/src/engine/answer-approval.ts";
import { ApprovalLinks } from "../../packages/server/src/engine/approval-links.ts";
import { until } from "../support/until.ts";
import type { Rig } from "./harness/rig.ts";
import { LONG_LEASE } from "./harness/rig.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

/** By the link that was sent first: also one of an attempt that died must work. */
async function answerByMail(rig: Rig): Promise<void> {
  await until("the run waits", async () => {
    const rows = await rig.rows("select 1 from millrace.timer where reason = 'wait'");
    return rows.length === 1;
  });
  const [mail] = (await rig.rows("select url from mail limit 1")) as { url: string }[];
  const link = await new ApprovalLinks(rig.db).open(new URL(mail!.url).searchParams.get("link")!);
  const { digest, ...asked } = link!;
  const who = { via: "link", by: null, digest } as const;
  await answerTo(rig.db, who, { ...asked, approved: true, note: null });
}

test.each([
  ["approval.before", 1],
  ["approval.after_commit", 1],
  ["link.before", 1],
  ["link.after_commit", 1],
  ["step.before", 2],
  ["step.after_commit", 1],
  ["take.before", 1],
  ["take.after_commit", 1],
] as const)(
  "a worker that is killed at %s costs no question and no answer; %i mails are sent, and the first one's link works",
  { timeout: 90_000 },
  async (point, mails) => {
    const rig = await testRig(LONG_LEASE);
    await rig.rows("create table mail (run uuid, url text)");
    await rig.startReaper();
    await rig.startDispatcher();
    const { child: victim, failpoints } = await rig.startHeldWorker();
    await victim.waitForLine(/^ready$/, { deadlineMs: 60_000 });
    const held = failpoints.hold(point);
    await rig.accepted("asking", {});
    const late = point.startsWith("take");
    if (late) await answerByMail(rig);
    await held;
    await rig.bury(victim);
    await rig.startWorker();
    if (!late) await answerByMail(rig);
    await rig.settled();
    await expectWhole(rig);
    expect(await rig.rows("select output from millrace.run")).toEqual([
      { output: { approved: true } },
    ]);
    expect(await rig.rows("select 1 from mail")).toHaveLength(mails);
    expect(await rig.rows("select name, kind from millrace.step order by seq")).toEqual([
      { name: "notify go", kind: "step" },
      { name: "go", kind: "approval" },
    ]);
    expect(await rig.rows("select 1 from millrace.waiter")).toEqual([]);
    expect(
      await rig.rows("select 1 from millrace.event where event = 'approval answered'"),
    ).toHaveLength(1);
  },
);
