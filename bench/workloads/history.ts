import { type Bench, progress } from "../bench.ts";
import type { Contender } from "../contender.ts";
import { short } from "./backlog.ts";

/** Filled in parts, each a statement that ends before anybody's timeout. */
const PART = 250_000;

/** Enqueues and processes beside millions of finished runs, and beside none; of subjects that keep them. */
export async function history(bench: Bench): Promise<void> {
  const { history } = bench.options;
  const subjects = bench.subjects(({ fillsHistory }) => fillsHistory === true);
  const empty = await bench.open(subjects);
  const full = await bench.open(subjects);
  for (const contender of full) {
    await bench.attempt(contender.name, "history", async () => {
      for (let filled = 0; filled < history; filled += PART) {
        await contender.call("fillHistory", Math.min(PART, history - filled));
        progress("+");
      }
      await bench.servers.postgres.analyze(contender.url);
    });
  }
  const isFull = new Set<Contender>(full);
  await bench.rounds(
    "history",
    [...empty, ...full],
    async (contender, runs, record) => {
      const enqueued = await contender.enqueue(runs);
      const processed = await contender.process(runs);
      if (record) {
        const what = isFull.has(contender) ? short(history) : "none";
        const { name } = contender;
        bench.results.add(`history-${what}-enqueue`, name, enqueued.perSecond, "runs/s");
        bench.results.add(`history-${what}-process`, name, processed.perSecond, "runs/s");
      }
      return processed.perSecond;
    },
    { bulk: true },
  );
}
