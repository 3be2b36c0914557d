import type { Bench } from "../bench.ts";
import type { Contender } from "../contender.ts";
import { percentile } from "../results.ts";

/** Callers of the short trial that finds out what a subject can take one by one, with its worker at work. */
const CALLERS = 32;

/** From asking for a run until its handler starts: with nothing else to do, and at half of what the subject can take. */
export async function latency(bench: Bench): Promise<void> {
  const { seconds } = bench.options;
  const subjects = bench.subjects(({ name }) => name !== "limit");

  const idle = await bench.open(subjects);
  await bench.rounds("latency-idle", idle, async (contender, _runs, record) => {
    await contender.call("work");
    // A worker that was just started polls at once; what follows is what an idle one does.
    await contender.call("latencyIdle", 5);
    const samples = await contender.call<number[]>("latencyIdle", Math.ceil(60 * seconds));
    await contender.rest();
    if (record) recordPercentiles(bench, "latency-idle", contender, samples);
    return Infinity;
  });

  const half = await bench.open(subjects);
  const rates = new Map<Contender, number>();
  await bench.rounds("latency-half", half, async (contender, runs, record) => {
    await contender.call("work");
    const rate = rates.get(contender);
    if (!record || rate === undefined) {
      const { perSecond } = await contender.timed(runs, "singleWorking", CALLERS, runs);
      rates.set(contender, perSecond / 2);
      await contender.rest();
      return perSecond;
    }
    const samples = await contender.call<number[]>("latencyPaced", rate, seconds);
    await contender.rest();
    recordPercentiles(bench, "latency-half", contender, samples);
    return rate;
  });
}

function recordPercentiles(
  bench: Bench,
  workload: string,
  { name }: Contender,
  samples: number[],
): void {
  bench.results.add(`${workload}-p50`, name, percentile(samples, 50), "ms");
  bench.results.add(`${workload}-p99`, name, percentile(samples, 99), "ms");
}
