import type { Bench } from "../bench.ts";
import { recordWithCost } from "./enqueue.ts";

/** Processes runs that wait already, with a handler that does nothing, until the result of each is on record. */
export async function processing(bench: Bench): Promise<void> {
  const contenders = await bench.open(bench.subjects());
  await bench.rounds(
    "process",
    contenders,
    async (contender, runs, record) => {
      await contender.enqueue(runs);
      const measured = await contender.process(runs);
      if (record) recordWithCost(bench, "process", contender.name, measured);
      return measured.perSecond;
    },
    { bulk: true },
  );
}
