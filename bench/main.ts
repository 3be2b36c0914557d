import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openBenchDatabase, settleDown } from "./database.ts";
import { Limit } from "./limit.ts";
import { type Measured, measure, median } from "./measure.ts";
import { Millrace } from "./millrace.ts";

const USAGE = `npm run bench -- [--runs N] [--rounds N] [--concurrency N] [--json FILE]
  Measures bulk enqueue and processing of no-op runs, each as a share of what the same driver reaches in the same
  minutes with nothing but one durable insert and one durable update per run. DATABASE_URL names the server.`;

interface Row {
  workload: "enqueue" | "process";
  subject: "millrace" | "limit";
  rounds: Measured[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "50000" },
      rounds: { type: "string", default: "5" },
      concurrency: { type: "string", default: "500" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const [runs, rounds, concurrency] = [values.runs, values.rounds, values.concurrency].map(
    (text) => {
      const number = Number(text);
      if (!Number.isInteger(number) || number < 1)
        throw new Error(`${text} is not a count\n${USAGE}`);
      return number;
    },
  ) as [number, number, number];

  const bench = await openBenchDatabase();
  try {
    console.log(
      `PostgreSQL ${describe(bench.settings)}; ${runs} runs a round, ${rounds} rounds after one to warm up`,
    );
    const table = await measureAll(bench, runs, rounds, concurrency);
    print(table);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(asJson(table), null, 2)}\n`);
  } finally {
    await bench.drop();
  }
}

/** The four measurements in turn, round by round, so that a machine that drifts drifts for all of them. */
async function measureAll(
  bench: Awaited<ReturnType<typeof openBenchDatabase>>,
  runs: number,
  rounds: number,
  concurrency: number,
): Promise<Row[]> {
  const { db } = bench;
  const [millrace, limit] = [new Millrace(bench), new Limit(db)];
  await millrace.prepare();
  await limit.prepare();
  const worker = await millrace.startWorker(concurrency);
  const table: Row[] = (["enqueue", "process"] as const).flatMap((workload) => [
    { workload, subject: "millrace", rounds: [] },
    { workload, subject: "limit", rounds: [] },
  ]);
  const work = [
    (count: number) => millrace.enqueue(count),
    (count: number) => limit.insert(count),
    (count: number) => millrace.process(count),
    () => limit.update(),
  ];
  for (let round = 0; round <= rounds; round++) {
    await millrace.hold();
    for (const [index, row] of table.entries()) {
      await settleDown(db);
      const measured = await measure(db, runs, () => work[index]!(runs));
      if (round > 0) row.rounds.push(measured);
    }
  }
  const completed = await millrace.completed();
  if (completed !== runs * (rounds + 1))
    throw new Error(`only ${completed} runs have their outcome`);
  await worker.stop();
  await millrace.close();
  return table;
}

function print(table: readonly Row[]): void {
  console.log(
    "\nworkload  subject         runs/s [min, max]       share of limit  server CPU/run   WAL/run",
  );
  for (const row of table) {
    const rates = row.rounds.map((round) => round.perSecond);
    const cpu = row.rounds.map((round) => round.serverCpuUs ?? NaN);
    const columns = [
      row.workload.padEnd(9),
      row.subject.padEnd(9),
      `${count(median(rates))} [${count(Math.min(...rates))}, ${count(Math.max(...rates))}]`.padStart(
        28,
      ),
      (row.subject === "limit" ? "" : `${Math.round(100 * shareOf(table, row))} %`).padStart(15),
      `${median(cpu).toFixed(1)} µs`.padStart(15),
      `${Math.round(median(row.rounds.map((round) => round.walBytes)))} B`.padStart(9),
    ];
    console.log(columns.join(" "));
  }
}

/** The median of the rounds' own ratios, for both were measured in the same minute. */
function shareOf(table: readonly Row[], row: Row): number {
  const limit = table.find((other) => other.workload === row.workload && other.subject === "limit");
  return median(row.rounds.map((round, n) => round.perSecond / limit!.rounds[n]!.perSecond));
}

function asJson(table: readonly Row[]) {
  const workloads: Record<string, Record<string, object>> = {};
  for (const row of table) {
    const rates = row.rounds.map((round) => round.perSecond);
    (workloads[row.workload] ??= {})[row.subject] = {
      median: median(rates),
      min: Math.min(...rates),
      max: Math.max(...rates),
      unit: "runs/s",
      shareOfLimit: shareOf(table, row),
      serverCpuUsPerRun: median(row.rounds.map((round) => round.serverCpuUs ?? NaN)),
      walBytesPerRun: median(row.rounds.map((round) => round.walBytes)),
    };
  }
  return workloads;
}

function describe({ server_version, ...settings }: Record<string, string>): string {
  const rest = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `${server_version} (${rest.join(", ")})`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-GB");
}

await main();
