import type { Bench } from "../bench.ts";

const CALLERS = [1, 32, 256];

/** Accepts runs one by one from so many callers at once, each of whom waits until its run is as durable as it will be. */
export async function single(bench: Bench): Promise<void> {
  for (const callers of CALLERS) {
    const workload = `single-${callers}`;
    const contenders = await bench.open(bench.subjects());
    await bench.rounds(workload, contenders, async (contender, runs, record) => {
      const count = Math.max(runs, callers);
      const { perSecond } = await contender.timed(count, "single", callers, count);
      if (record) bench.results.add(workload, contender.name, perSecond, "runs/s");
      return perSecond;
    });
  }
}
