/**
 * `npm run faults:poison -- --rounds 500`: one poison and nine innocents in one worker, again and again. The poison must be a
 * dead letter after three starts at the most, and no innocent may become one. Exit code 1 when that is not so.
 */
import { DEATHS, poisonRound } from "./harness/poison-round.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";

const LEASE_MS = 12_000;

/** Rigs that make rounds beside each other: most of a round is waiting for the lease. */
const LANES = 2;

async function main(): Promise<number> {
  const { rounds } = numbersAsked({ rounds: 500 });
  const faults: string[] = [];
  const starts = new Map<number, number>();
  let [begun, done, neighbours, cut] = [0, 0, 0, 0];
  const startedAt = performance.now();

  async function lane(): Promise<void> {
    const database = await scriptDatabase();
    const rig = new Rig({ url: database.url, leaseMs: LEASE_MS });
    try {
      await rig.startReaper();
      await rig.startDispatcher();
      while (begun < rounds) {
        const round = await poisonRound(rig, DEATHS[begun++ % DEATHS.length]!);
        for (const fault of round.faults) console.log(`FAULT: ${fault}`);
        faults.push(...round.faults);
        neighbours += round.neighbours;
        cut += round.cut;
        starts.set(round.starts, (starts.get(round.starts) ?? 0) + 1);
        if (++done % 10 === 0) console.log(`${done} rounds, ${faults.length} faults`);
      }
      const report = await rig.report();
      faults.push(...faultsIn(report), ...report.startedTwice);
      printReport(report);
    } finally {
      await rig.close({ keepFiles: faults.length > 0 });
      await database.close();
      if (faults.length > 0) console.log(`history and ledger: ${rig.folder}`);
    }
  }

  const ends = await Promise.allSettled(Array.from({ length: Math.min(LANES, rounds) }, lane));
  for (const end of ends) if (end.status === "rejected") faults.push(String(end.reason));
  console.log(`rounds               ${done} in ${Math.round((performance.now() - startedAt) / 1000)} s
poison was started   ${[...starts].map(([times, n]) => `${times}x in ${n}`).join(", ")} (${cut} starts cut by a worker that was taken for dead)
innocents            ${9 * done}, ${neighbours} of them lost with the poison
faults               ${faults.length}`);
  for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
  return faults.length > 0 ? 1 : 0;
}

process.exitCode = await main();
