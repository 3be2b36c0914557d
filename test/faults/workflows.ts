/**
 * `npm run faults:workflows -- --runs 10000`: workflows of ten steps that wait for an event on the way, while workers are killed at random.
 * Exit code 1 when one does not complete, or a step is recorded twice, or executed after it was recorded.
 */
import { setTimeout as moment } from "node:timers/promises";
import { until } from "../support/until.ts";
import { stepFaults } from "./harness/checked-steps.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";

const LEASE_MS = 2000;
const WORKERS = 3;
const KILL_EVERY_MS = 2000;
/** Asked for at once, and so many events sent. */
const BATCH = 200;

async function main(): Promise<number> {
  const { runs } = numbersAsked({ runs: 10_000 });
  const database = await scriptDatabase();
  const rig = new Rig({ url: database.url, leaseMs: LEASE_MS });
  let faults: string[] = ["it did not get to its end"];
  try {
    await rig.startReaper();
    await rig.startDispatcher();
    for (let n = 0; n < WORKERS; n++) await rig.startWorker({ concurrency: 50 });
    const over = new AbortController();
    const killing = killWorkers(rig, over.signal);
    await askFor(rig, runs);
    await rig.settled(3_600_000);
    over.abort();
    const kills = await killing;
    const report = await rig.report();
    printReport(report);
    faults = [...faultsIn(report), ...(await stepFaults(rig)), ...report.startedTwice];
    const executed = rig.ledger().filter(({ event }) => event.startsWith("step ")).length;
    const [row] = await rig.rows<{ steps: number }>(
      "select count(*)::int as steps from millrace.step where kind = 'step'",
    );
    console.log(`workers killed       ${kills}
steps on record      ${row!.steps} of ${runs * 10}, executed ${executed} times
faults               ${faults.length}`);
  } finally {
    await rig.close({ keepFiles: faults.length > 0 });
    await database.close();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

/** Each gets its event at some moment: before it has begun, while it runs, or when it waits. */
async function askFor(rig: Rig, runs: number): Promise<void> {
  for (let asked = 0; asked < runs; asked += BATCH) {
    const ids = await Promise.all(
      Array.from({ length: Math.min(BATCH, runs - asked) }, () =>
        rig.accepted("ten-steps", { ms: 5 }),
      ),
    );
    await moment(Math.random() * 300);
    await rig.rows(
      "select millrace.emit('go', to_jsonb(run::text), run) from unnest($1::uuid[]) run",
      [ids],
    );
    await until(
      "there are not too many at once",
      async () => {
        const [row] = await rig.rows<{ open: number }>(
          "select count(*)::int as open from millrace.run where state is null",
        );
        return row!.open < 5 * BATCH;
      },
      { deadlineMs: 600_000 },
    );
  }
}

/** @returns how many */
async function killWorkers(rig: Rig, over: AbortSignal): Promise<number> {
  let kills = 0;
  for (;;) {
    await moment(KILL_EVERY_MS * (0.5 + Math.random()), undefined, { signal: over }).catch(
      () => {},
    );
    if (over.aborted) return kills;
    const workers = [...rig.workers];
    rig.kill(workers[Math.floor(Math.random() * workers.length)]!);
    kills++;
    await rig.startWorker({ concurrency: 50 });
  }
}

process.exitCode = await main();
