/**
 * `npm run faults:zombie -- --rounds 300 --seed 1`: stops workers, reapers and dispatchers (SIGSTOP) for longer than the
 * lease at each named failpoint under load, and lets them go on. What a superseded attempt then writes must be refused:
 * triggers in the database are the witness. Exit code 1 when anything superseded is on record, nothing was ever refused,
 * an acknowledged run was lost or an outcome was recorded twice; the raw history is then kept.
 */
import { runGauntlet } from "./harness/gauntlet.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";
import {
  doubledOutcomes,
  installWitness,
  supersededWrites,
  witnessedWrites,
} from "./harness/witness.ts";

const LEASE_MS = 2000;
const LANES = 4;
const PER_SECOND = 30;

async function main(): Promise<number> {
  const { rounds, seed } = numbersAsked({ rounds: 300, seed: Date.now() % 1_000_000 });
  console.log(`seed ${seed}`);
  const database = await scriptDatabase();
  const rig = new Rig({ url: database.url, leaseMs: LEASE_MS });
  let faults: string[] = ["it did not get to its end"];
  try {
    await installWitness(rig.observer);
    const onRound = (done: number) => {
      if (done % 20 === 0) console.log(`${done} rounds`);
    };
    const options = { rounds, seed, lanes: LANES, perSecond: PER_SECOND, onRound };
    const tally = await runGauntlet(rig, options);
    const report = await rig.report();
    printReport(report);
    const superseded = await supersededWrites(rig.observer);
    const doubled = await doubledOutcomes(rig.observer);
    console.log("\npoint                    rounds  refused outcomes");
    let refused = 0;
    for (const [point, at] of [...tally].sort(([a], [b]) => (a < b ? -1 : 1))) {
      console.log(
        `${point.padEnd(24)} ${String(at.rounds).padStart(6)} ${String(at.refused).padStart(17)}`,
      );
      refused += at.refused;
    }
    console.log(`\nwrites of attempts     ${await witnessedWrites(rig.observer)} seen by the witness
refused outcomes       ${refused}
superseded writes      ${superseded.length}
outcomes recorded twice ${doubled.length}`);
    faults = [
      ...faultsIn(report),
      ...report.startedTwice,
      ...superseded.map((write) => `superseded write: ${JSON.stringify(write)}`),
      ...doubled.map((run) => `run ${run} got an outcome twice`),
      ...(refused === 0 ? ["nothing was refused, so nothing was tried"] : []),
    ];
  } finally {
    await rig.close({ keepFiles: faults.length > 0 });
    await database.close();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`seed ${seed}; history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

process.exitCode = await main();
