import type { Bench } from "../bench.ts";
import type { Contender } from "../contender.ts";

const PROCESSES = [1, 2, 4];

/** Processes with one, two and four worker processes. Slow subjects would need hours here, and are left out. */
export async function workers(bench: Bench): Promise<void> {
  const subjects = bench.subjects(({ name, slow }) => name !== "limit" && !slow);
  const processes = new Map<Contender, number>();
  for (const count of PROCESSES) {
    for (const contender of await bench.open(subjects, { processes: count })) {
      processes.set(contender, count);
    }
  }
  await bench.rounds(
    "workers",
    [...processes.keys()],
    async (contender, runs, record) => {
      await contender.enqueue(runs);
      const { perSecond } = await contender.process(runs);
      if (record) {
        const workload = `workers-${processes.get(contender)}`;
        bench.results.add(workload, contender.name, perSecond, "runs/s");
      }
      return perSecond;
    },
    { bulk: true },
  );
}
