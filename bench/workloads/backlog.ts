import { type Bench, progress } from "../bench.ts";
import type { Contender } from "../contender.ts";

const SHALLOW = 10_000;

/** Processes with ten thousand runs waiting, and with a million. Slow subjects take part with `--full`. */
export async function backlog(bench: Bench): Promise<void> {
  const { full, backlog } = bench.options;
  const subjects = bench.subjects(({ name, slow }) => name !== "limit" && (full || !slow));
  const shallow = await bench.open(subjects);
  const deep = await bench.open(subjects);
  for (const contender of deep) {
    await bench.attempt(contender.name, "backlog", () => contender.enqueue(backlog));
    progress("+");
  }
  const isDeep = new Set<Contender>(deep);
  await bench.rounds(
    "backlog",
    [...shallow, ...deep],
    async (contender, runs, record) => {
      // What is taken away is put back, outside the measurement; the shallow one begins with what it should have.
      const waiting = isDeep.has(contender) ? backlog : SHALLOW;
      const missing = waiting + runs - contender.waiting;
      if (missing > 0) await contender.enqueue(missing);
      const { perSecond } = await contender.process(runs);
      if (record) {
        const workload = isDeep.has(contender) ? `backlog-${short(backlog)}` : "backlog-10k";
        bench.results.add(workload, contender.name, perSecond, "runs/s");
      }
      return perSecond;
    },
    { bulk: true },
  );
}

export function short(count: number): string {
  if (count >= 1e6) return `${count / 1e6}m`;
  return count >= 1000 ? `${count / 1000}k` : String(count);
}
