import { expect, test } from "vitest";
import { limitsRound } from "./harness/limits-round.ts";
import { LONG_LEASE } from "./harness/rig.ts";
import { seeded } from "./harness/seed.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

test("workers killed while they hold slots of keys: no limit is exceeded, no slot leaks, nobody starves", async () => {
  const rig = await testRig(LONG_LEASE);
  await rig.startReaper();
  await rig.startDispatcher();
  await Promise.all([rig.startWorker(), rig.startWorker(), rig.startWorker()]);
  const round = await limitsRound(rig, 2, seeded(1));
  expect(round.faults).toEqual([]);
  expect(round.lost).toBeGreaterThan(0);
  expect(round.atOnce).toEqual({ key: 2, job: 3 });
  await expectWhole(rig);
}, 240_000);
