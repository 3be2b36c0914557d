/**
 * `npm run faults:transport -- --transport redis --runs 20000 --messages 100000`: breaks the broker every 2 s under load,
 * while somebody puts hostile messages into it, and checks that no run was lost, none was recorded twice, and none started
 * later than a worker's own look and 2 s after it was asked for (p99). Exit code 1 when that is not so.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as moment } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createLogger, openTransport } from "millrace";
import { BROKERS, type BreakableBroker } from "./harness/breakable-broker.ts";
import { quantile } from "./harness/checker.ts";
import { Load } from "./harness/load.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, printReport, scriptDatabase } from "./harness/script.ts";

const PER_SECOND = 200;
const WORKERS = 3;
const BREAK_EVERY_MS = 2000;

/** Workers look once a second. */
const BOUND_MS = 1000 + 2000;

const HOSTILE = [
  () => Buffer.from("default"),
  () => Buffer.from("no-such-queue"),
  () => randomBytes(Math.floor(Math.random() * 300)),
  () => Buffer.from("'; drop schema millrace cascade; --"),
  () => Buffer.from("x".repeat(10_000)),
];

async function main(): Promise<number> {
  const asked = readOptions();
  const database = await scriptDatabase();
  const broker = await BROKERS[asked.transport]();
  const opened = await openTransport({
    url: broker.url,
    db: undefined as never,
    connection: () => ({}),
    logger: createLogger("silent"),
  });
  const rig = new Rig({ url: database.url, transport: { opened, url: broker.url } });
  const load = new Load(rig, PER_SECOND, () => ["quick", {}]);
  let faults: string[] = ["it did not get to its end"];
  let [rounds, messages] = [0, 0];
  let going = true;
  try {
    await rig.startReaper();
    await rig.startDispatcher();
    for (let n = 0; n < WORKERS; n++) await rig.startWorker({ concurrency: 20 });
    load.start();
    const pouring = pour(
      broker,
      asked.messages,
      () => going,
      (taken) => (messages += taken),
    );
    const breaking = (async () => {
      while (going) {
        await broker.breakNow(rounds++);
        await moment(BREAK_EVERY_MS);
      }
    })();
    await load.acknowledges(asked.runs, 60_000 + (asked.runs / PER_SECOND) * 4000);
    going = false;
    await Promise.all([breaking, pouring, load.stop()]);
    await rig.settled();
    const report = await rig.report();
    printReport(report);
    const delays = delaysOf(rig);
    const at = (share: number) => `${Math.round(quantile(delays, share))} ms`;
    console.log(`broker broken        ${rounds} times
hostile messages     ${messages}
asked for to start   p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} (bound of the p99: ${BOUND_MS} ms)`);
    faults = [...faultsIn(report), ...report.startedTwice];
    const repeated = [...report.executions].filter(([times]) => times > 1);
    for (const [times, runs] of repeated) faults.push(`${runs} runs were executed ${times} times`);
    if (!(quantile(delays, 0.99) <= BOUND_MS)) faults.push("runs started too late");
    const ended = [...rig.workers].filter((worker) => worker.exit);
    for (const worker of ended) faults.push(`worker ${worker.pid} ended by itself`);
  } finally {
    going = false;
    await load.stop();
    await rig.close({ keepFiles: faults.length > 0 });
    await broker.close();
    await database.close();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

function readOptions(): { transport: keyof typeof BROKERS; runs: number; messages: number } {
  const { values } = parseArgs({
    options: {
      transport: { type: "string", default: "redis" },
      runs: { type: "string", default: "20000" },
      messages: { type: "string", default: "100000" },
    },
  });
  const [runs, messages] = [Number(values.runs), Number(values.messages)];
  if (!Number.isInteger(runs) || runs < 1) throw new Error("--runs: a whole number from 1 on");
  if (!Number.isInteger(messages) || messages < 0) throw new Error("--messages: a whole number");
  if (!isBroker(values.transport)) {
    throw new Error(`--transport: one of ${Object.keys(BROKERS).join(", ")}`);
  }
  return { transport: values.transport, runs, messages };
}

function isBroker(name: string): name is keyof typeof BROKERS {
  return Object.hasOwn(BROKERS, name);
}

/** As fast as the broker takes them; one that is away just then gets the next. */
async function pour(
  broker: BreakableBroker,
  messages: number,
  goesOn: () => boolean,
  onPut: (taken: number) => void,
): Promise<void> {
  for (let left = messages; left > 0 && goesOn();) {
    const contents = Array.from({ length: Math.min(left, 100) }, () => {
      return HOSTILE[Math.floor(Math.random() * HOSTILE.length)]!();
    });
    const taken = await broker.put(contents).catch(() => 0);
    left -= taken;
    onPut(taken);
    if (taken < contents.length) await moment(20);
  }
}

/** From each acknowledgement to the start of the run, in milliseconds, ascending. */
function delaysOf(rig: Rig): number[] {
  const startedAt = new Map<string, number>();
  for (const { event, run, at } of rig.ledger()) {
    if (event === "start" && !startedAt.has(run)) startedAt.set(run, at);
  }
  const delays = rig.history.read().flatMap((entry) => {
    if (entry.event !== "ok") return [];
    const started = startedAt.get(entry.run);
    return started === undefined ? [] : [Math.max(0, started - entry.at)];
  });
  return delays.sort((a, b) => a - b);
}

process.exitCode = await main();
