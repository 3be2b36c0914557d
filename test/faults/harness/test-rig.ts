import { expect, onTestFinished } from "vitest";
import { createDatabase } from "../../support/database.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { faultsIn } from "./script.ts";

/** A rig on a database of its own, taken down when the running test ends. */
export async function testRig(options: Omit<RigOptions, "url"> = {}): Promise<Rig> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  return rigOn({ ...options, url });
}

export function rigOn(options: RigOptions): Rig {
  const rig = new Rig(options);
  onTestFinished(() => rig.close());
  return rig;
}

/** The same with a proxy in front of its server, through which everything under test goes. */
export async function proxiedRig(
  options: Omit<RigOptions, "url"> = {},
): Promise<{ rig: Rig; proxy: FaultProxy }> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const proxy = await FaultProxy.to(url);
  onTestFinished(() => proxy.close());
  return { rig: rigOn({ ...options, url, faultyUrl: proxy.url }), proxy };
}

/**
 * Once all has settled: nothing lost, nothing twice, nobody misplaced.
 *
 * @param options.databaseCrashed then an attempt may have been started twice
 */
export async function expectWhole(rig: Rig, options: { databaseCrashed?: boolean } = {}) {
  await rig.settled();
  const report = await rig.report();
  expect(faultsIn(report)).toEqual([]);
  if (!options.databaseCrashed) expect(report.startedTwice).toEqual([]);
  return report;
}
