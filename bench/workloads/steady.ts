import type { Bench } from "../bench.ts";

/** How far producers may run ahead of the worker is four of these. */
const CHUNK = 1000;

/** Enqueues in bulk and processes at the same time, as a queue lives that keeps up. */
export async function steady(bench: Bench): Promise<void> {
  const contenders = await bench.open(bench.subjects());
  await bench.rounds(
    "steady",
    contenders,
    async (contender, runs, record) => {
      await contender.call("work");
      const { perSecond } = await contender.timed(runs, "steady", runs, CHUNK);
      await contender.rest();
      if (record) bench.results.add("steady", contender.name, perSecond, "runs/s");
      return perSecond;
    },
    { bulk: true },
  );
}
