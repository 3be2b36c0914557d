import type { Bench } from "../bench.ts";

/** Of each workflow. */
const STEPS = 5;

/** Processes workflows that wait already, each of so many steps that give a little, until all that is on record. */
export async function steps(bench: Bench): Promise<void> {
  const workload = `steps-${STEPS}`;
  const contenders = await bench.open(
    bench.subjects((spec) => spec.hasSteps === true),
    { steps: STEPS },
  );
  await bench.rounds(workload, contenders, async (contender, runs, record) => {
    await contender.enqueue(runs);
    const { perSecond } = await contender.process(runs);
    if (record) bench.results.add(workload, contender.name, perSecond, "workflows/s");
    return perSecond;
  });
}
