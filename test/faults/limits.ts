/**
 * `npm run faults:limits -- --rounds 50 --seed 1`: sixty runs with limits by key and job and with a rate, on workers of which
 * three are killed while they hold slots, again and again. Exit code 1 when a limit was exceeded, a slot leaked, a tenant
 * starved, or anything was lost or recorded twice; the raw history is then kept.
 */
import { limitsRound } from "./harness/limits-round.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";
import { seeded } from "./harness/seed.ts";

const LEASE_MS = 2000;
const WORKERS = 4;
const KILLS = 3;

async function main(): Promise<number> {
  const { rounds, seed } = numbersAsked({ rounds: 50, seed: Date.now() % 1_000_000 });
  console.log(`seed ${seed}`);
  const random = seeded(seed);
  const database = await scriptDatabase();
  const rig = new Rig({ url: database.url, leaseMs: LEASE_MS });
  const faults: string[] = [];
  const most = { key: 0, job: 0, passedOver: 0 };
  let [done, lost] = [0, 0];
  try {
    await rig.startReaper();
    await rig.startDispatcher();
    for (; done < rounds; done++) {
      while (rig.workers.size < WORKERS) await rig.startWorker();
      const round = await limitsRound(rig, KILLS, random);
      for (const fault of round.faults) console.log(`FAULT: round ${done + 1}: ${fault}`);
      faults.push(...round.faults);
      lost += round.lost;
      most.key = Math.max(most.key, round.atOnce.key);
      most.job = Math.max(most.job, round.atOnce.job);
      most.passedOver = Math.max(most.passedOver, round.passedOver.times);
      if ((done + 1) % 5 === 0) console.log(`${done + 1} rounds, ${faults.length} faults`);
    }
    const report = await rig.report();
    printReport(report);
    faults.push(...faultsIn(report), ...report.startedTwice);
  } finally {
    if (done < rounds) faults.push(`it ended in round ${done + 1}`);
    await rig.close({ keepFiles: faults.length > 0 });
    await database.close();
    console.log(`rounds               ${done}, ${KILLS * done} workers killed, ${lost} attempts lost with slots
most at once         ${most.key} of a key, ${most.job} of the job
passed over          ${most.passedOver} times in a row at the most
faults               ${faults.length}`);
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`seed ${seed}; history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

process.exitCode = await main();
