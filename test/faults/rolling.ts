/**
 * `npm run faults:rolling -- --rounds 100`: replaces all workers under load, one after another, as a rolling restart does, again and
 * again. No run may be lost, no attempt used up by it, and what a leaving worker hands back must start elsewhere within a
 * second (p99). Exit code 1 when that is not so; the raw history is then kept.
 */
import type { Child } from "../support/child-process.ts";
import { quantile } from "./harness/checker.ts";
import type { LedgerEntry } from "./harness/history.ts";
import { Load } from "./harness/load.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";

const WORKERS = 3;
const PER_SECOND = 60;
/** Shorter than many handlers take, so that something is handed back. */
const DRAIN_MS = 150;
const BOUND_MS = 1000;

async function main(): Promise<number> {
  const { rounds } = numbersAsked({ rounds: 100 });
  const database = await scriptDatabase();
  // So long a lease that nothing of this is the reaper's work.
  const rig = new Rig({ url: database.url, leaseMs: 60_000 });
  const load = new Load(rig, PER_SECOND);
  let faults: string[] = ["it did not get to its end"];
  try {
    await rig.startReaper();
    await rig.startDispatcher();
    for (let n = 0; n < WORKERS; n++) await startOne(rig);
    load.start();
    for (let round = 1; round <= rounds; round++) {
      for (const worker of [...rig.workers]) await replace(rig, worker);
      if (round % 10 === 0) console.log(`${round} rounds`);
    }
    await load.stop();
    await rig.settled();
    const report = await rig.report();
    printReport(report);
    const usedUp = await rig.rows<{ id: string }>(
      "select id from millrace.run where losses > 0 or failures > 0 and job <> 'failing'",
    );
    const delays = handOvers(rig.ledger());
    const at = (share: number) => `${Math.round(quantile(delays, share))} ms`;
    console.log(`workers replaced     ${rounds * WORKERS}
handed back          ${delays.length} handlers under way; started elsewhere after p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}
attempts used up     ${usedUp.length}`);
    faults = [
      ...faultsIn(report),
      ...report.startedTwice,
      ...usedUp.map(({ id }) => `run ${id} lost an attempt that counts`),
      ...(delays.length === 0 ? ["nothing was handed back, so nothing was tried"] : []),
    ];
    if (!(quantile(delays, 0.99) <= BOUND_MS)) faults.push("what was handed back started too late");
  } finally {
    await load.stop();
    await rig.close({ keepFiles: faults.length > 0 });
    await database.close();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

function startOne(rig: Rig): Promise<Child> {
  return rig.startWorker({ concurrency: 20, drainMs: DRAIN_MS });
}

/** The new one works before the old one is told to leave. */
async function replace(rig: Rig, worker: Child): Promise<void> {
  await startOne(rig);
  worker.kill("SIGTERM");
  const exit = await worker.exited;
  rig.workers.delete(worker);
  if (exit.code !== 0) throw new Error(`worker ${worker.pid} ended with ${JSON.stringify(exit)}`);
}

/** From when each handler was told that its worker leaves to the start of the next attempt, in milliseconds, ascending. */
function handOvers(ledger: readonly LedgerEntry[]): number[] {
  const toldAt = new Map<string, number>();
  const delays: number[] = [];
  for (const { event, run, at } of ledger) {
    if (event === "abort shutdown") toldAt.set(run, at);
    const told = event === "start" ? toldAt.get(run) : undefined;
    if (told === undefined) continue;
    delays.push(at - told);
    toldAt.delete(run);
  }
  return delays.sort((a, b) => a - b);
}

process.exitCode = await main();
