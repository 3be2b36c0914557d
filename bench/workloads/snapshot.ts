import type { Bench } from "../bench.ts";

/**
 * Processes while somebody holds a snapshot, as a long report does: dead rows cannot be removed meanwhile. Every round begins
 * without, takes the snapshot, and lets a few rounds' worth of runs go by before it measures again.
 */
export async function snapshot(bench: Bench): Promise<void> {
  const { full } = bench.options;
  const subjects = bench.subjects(
    ({ name, store, slow }) => store === "postgres" && name !== "limit" && (full || !slow),
  );
  const contenders = await bench.open(subjects);
  await bench.rounds(
    "snapshot",
    contenders,
    async (contender, runs, record) => {
      const round = async () => {
        await contender.enqueue(runs);
        return (await contender.process(runs)).perSecond;
      };
      const without = await round();
      if (!record) return without;
      const letGo = await bench.servers.postgres.holdSnapshot(contender.url);
      const held: number[] = [];
      for (let n = 0; n < 4; n++) held.push(await round());
      await letGo();
      bench.results.add("snapshot-none", contender.name, without, "runs/s");
      bench.results.add("snapshot-held", contender.name, held.at(-1)!, "runs/s");
      await bench.servers.postgres.vacuum(contender.url);
      return without;
    },
    { bulk: true },
  );
}
