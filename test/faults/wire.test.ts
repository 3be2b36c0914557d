import { expect, test } from "vitest";
import { expectWhole, proxiedRig } from "./harness/test-rig.ts";
import { sweepWire } from "./harness/wire-sweep.ts";

test("a workflow whose connections are cut after some message, in either direction, ends once, and no step of it is made again", async () => {
  const { rig, proxy } = await proxiedRig({ leaseMs: 60_000 });
  await rig.startReaper();
  await rig.startDispatcher();
  await rig.startWorker();
  // Every message: npm run faults:wire.
  const { last, faults } = await sweepWire(rig, proxy, 61);
  expect(faults).toEqual([]);
  expect(Math.min(last["to server"], last["to client"])).toBeGreaterThan(61);
  await expectWhole(rig);
}, 240_000);
