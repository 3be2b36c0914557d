import { expect, test } from "vitest";
import { runGauntlet } from "./harness/gauntlet.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";
import {
  doubledOutcomes,
  installWitness,
  supersededWrites,
  witnessedWrites,
} from "./harness/witness.ts";

/** Where what it holds is about to be written, or has been and it does not know; `npm run faults:zombie` has them all. */
const POINTS = [
  "claim.after_commit",
  "log.before",
  "progress.before",
  "step.before",
  "settle.before",
  "release.before",
] as const;

test("processes stopped at named points for longer than the lease write nothing more when they go on", async () => {
  const rig = await testRig({ leaseMs: 2000 });
  await installWitness(rig.observer);
  const tally = await runGauntlet(rig, {
    rounds: POINTS.length,
    seed: 3,
    lanes: 2,
    perSecond: 20,
    points: POINTS,
  });
  expect([...tally.keys()].sort()).toEqual([...POINTS].sort());
  expect(await supersededWrites(rig.observer)).toEqual([]);
  expect(await doubledOutcomes(rig.observer)).toEqual([]);
  const refused = [...tally.values()].reduce((sum, at) => sum + at.refused, 0);
  expect(refused).toBeGreaterThan(0);
  expect(await witnessedWrites(rig.observer)).toBeGreaterThan(50);
  const report = await expectWhole(rig);
  expect(report.lostAttempts).toBeGreaterThan(0);
}, 240_000);
