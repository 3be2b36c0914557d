import type { Bench } from "../bench.ts";

const SIZES = { "100b": 100, "10kb": 10_000, "200kb": 200_000 };

/** Enqueues and processes inputs of several sizes. */
export async function payload(bench: Bench): Promise<void> {
  for (const [size, inputBytes] of Object.entries(SIZES)) {
    const contenders = await bench.open(
      bench.subjects(({ slow }) => bench.options.full || !slow),
      {
        inputBytes,
      },
    );
    await bench.rounds(`payload-${size}`, contenders, async (contender, runs, record) => {
      const enqueued = await contender.enqueue(runs);
      const processed = await contender.process(runs);
      if (record) {
        const { name } = contender;
        bench.results.add(`payload-${size}-enqueue`, name, enqueued.perSecond, "runs/s");
        bench.results.add(`payload-${size}-process`, name, processed.perSecond, "runs/s");
      }
      return Math.min(enqueued.perSecond, processed.perSecond);
    });
  }
}
