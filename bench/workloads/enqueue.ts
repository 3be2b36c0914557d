import type { Bench } from "../bench.ts";
import type { Measurement } from "../contender.ts";

/** Accepts runs in bulk, with nobody there who takes them. */
export async function enqueue(bench: Bench): Promise<void> {
  const contenders = await bench.open(bench.subjects());
  await bench.rounds(
    "enqueue",
    contenders,
    async (contender, runs, record) => {
      const measured = await contender.enqueue(runs);
      if (record) recordWithCost(bench, "enqueue", contender.name, measured);
      return measured.perSecond;
    },
    { bulk: true },
  );
}

export function recordWithCost(
  bench: Bench,
  workload: string,
  subject: string,
  { perSecond, logBytes, cpuUs }: Measurement,
): void {
  bench.results.add(workload, subject, perSecond, "runs/s");
  bench.results.add(`${workload}-log`, subject, logBytes, "B/run");
  if (cpuUs !== null) bench.results.add(`${workload}-server-cpu`, subject, cpuUs, "µs/run");
}
