/**
 * `npm run faults:worker -- --rounds 200`: kills a worker at a random moment under load, again and again, and checks
 * that nothing acknowledged was lost, nothing was recorded twice, and what the killed ones held started again in time.
 * Exit code 1 when that is not so; the raw history is then kept.
 */
import { setTimeout as moment } from "node:timers/promises";
import { until } from "../support/until.ts";
import { quantile } from "./harness/checker.ts";
import { Load } from "./harness/load.ts";
import { placeStartMs } from "./harness/place-start.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";

const LEASE_MS = 2000;
const WORKERS = 3;
const PER_SECOND = 60;

/** Lease, a beat that was just sent, a sweep that has just passed, and a worker that hears no bell but looks. */
const HANDED_ON_MS = LEASE_MS * (1 + 1 / 4 + 1 / 6) + 1000;

/** A suspect starts in a process of its own, and a dozen of them on two cores take so many times what one takes, which is the machine's affair. */
const PLACES = 5;

async function main(): Promise<number> {
  const { rounds } = numbersAsked({ rounds: 200 });
  const startMs = await placeStartMs();
  const boundMs = HANDED_ON_MS + PLACES * startMs;
  const database = await scriptDatabase();
  const rig = new Rig({ url: database.url, leaseMs: LEASE_MS });
  const load = new Load(rig, PER_SECOND);
  let faults: string[] = ["it did not get to its end"];
  try {
    await rig.startReaper();
    await rig.startDispatcher();
    for (let n = 0; n < WORKERS; n++) await rig.startWorker({ concurrency: 20 });
    load.start();
    for (let round = 1; round <= rounds; round++) {
      await killOne(rig);
      if (round % 20 === 0) console.log(`${round} rounds`);
    }
    await load.stop();
    await rig.settled();
    const report = await rig.report();
    printReport(report);
    faults = [...faultsIn(report), ...report.startedTwice];
    const p99 = quantile(report.recoveriesMs, 0.99);
    console.log(
      `bound                ${(boundMs / 1000).toFixed(2)} s (lease ${LEASE_MS} ms, a process starts in ${Math.round(startMs)} ms)`,
    );
    if (!(p99 <= boundMs)) faults.push(`recovery p99 of ${Math.round(p99)} ms is over the bound`);
  } finally {
    await load.stop();
    await rig.close({ keepFiles: faults.length > 0 });
    await database.close();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

/** One round: a kill at a random moment, a worker in its place, and all that it held taken back. */
async function killOne(rig: Rig): Promise<void> {
  await moment(Math.random() * 1000);
  const workers = [...rig.workers];
  const victim = workers[Math.floor(Math.random() * workers.length)]!;
  rig.kill(victim);
  await rig.startWorker({ concurrency: 20 });
  await until(`the worker of process ${victim.pid} is lost, and holds nothing`, async () => {
    const [row] = await rig.rows<{ over: boolean }>(
      `select bool_and(state = 'lost' and not exists (select from millrace.lease where worker_id = w.id)) as over
       from millrace.worker w where split_part(name, ':', 2)::int = $1`,
      [victim.pid],
    );
    return row!.over;
  });
}

process.exitCode = await main();
