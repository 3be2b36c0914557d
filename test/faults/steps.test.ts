import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { LONG_LEASE } from "./harness/rig.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

test("a worker that is killed between two steps costs neither: the first is not made again, the second is", async () => {
  const rig = await testRig(LONG_LEASE);
  await rig.startReaper();
  const worker = await rig.startWorker();
  const id = await rig.accepted("stepping", { ms: 5000 });
  await until("the first step is on record", async () => {
    const rows = await rig.rows("select 1 from millrace.step where run_id = $1", [id]);
    return rows.length === 1;
  });
  await rig.bury(worker);
  await rig.startWorker();
  await rig.untilNoted(id, /end/, 2);
  await expectWhole(rig);
  // The second attempt was made in a process of its own, because the first had been lost.
  expect(await rig.rows("select state::text, output, losses from millrace.run")).toEqual([
    { state: "completed", output: { first: 1, second: 2 }, losses: 1 },
  ]);
  expect(
    await rig.rows("select name, ordinal, kind, attempt from millrace.step order by name"),
  ).toEqual([
    { name: "first", ordinal: 1, kind: "step", attempt: 1 },
    { name: "second", ordinal: 1, kind: "step", attempt: 2 },
  ]);
});
