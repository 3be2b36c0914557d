/**
 * `npm run load:observability -- --runs 200000 --rounds 32 --sampled 1`: what it costs to be seen. One worker each, with all of it off and with all of it on:
 * metrics that are scraped each second, JSON logs into a file, Sentry, and traces of so many per cent of the runs; and the same with a line of `ctx.log` a
 * run. Each works beside the one with all of it off, in turn, round by round, on runs whose handler does nothing, so that a machine that drifts drifts for both and
 * nothing hides the cost. Many short rounds tell more than few long ones, between which the machine drifts further than what is to be seen.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { JobRegistry } from "millrace";
import { cpuOfTree } from "../../bench/meter.ts";
import { median } from "../../bench/results.ts";
import { VARIABLES } from "../../packages/server/src/cli/setting-variables.ts";
import { numbersAsked } from "../faults/harness/script.ts";
import { SentryReceiver } from "../support/sentry-receiver.ts";
import { until } from "../support/until.ts";
import { type BenchDatabase, openBenchDatabase, settleDown } from "./database.ts";
import * as jobs from "./jobs/observed.job.ts";
import { seedWaiting } from "./seed-waiting.ts";

const MAIN = join(import.meta.dirname, "../../packages/server/bin/millrace.mjs");
const JOBS = join(import.meta.dirname, "jobs/observed.job.ts");
const TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PARCEL = 250;

/** Of which job runs are, and which share of them is traced. */
interface Asked {
  job: string;
  recorded: number;
}

interface Measured {
  perSecond: number;
  /** Of the worker's process, in microseconds a run. */
  cpuUs: number;
}

async function main(): Promise<void> {
  const { runs, rounds, sampled } = numbersAsked({ runs: 200_000, rounds: 32, sampled: 1 });
  const folder = mkdtempSync(join(tmpdir(), "millrace-load-"));
  const sentry = await SentryReceiver.start();
  const collector = await swallow();
  const traced = TRACES in VARIABLES;
  // Of the runs, as it was decided where they were asked for.
  const share = traced ? Math.min(1, sampled / 100) : 0;
  const seen = {
    MILLRACE_LOG_LEVEL: "info",
    MILLRACE_PROBE_PORT: "0",
    SENTRY_DSN: sentry.dsnOf("0123456789abcdef"),
    ...(traced && {
      [TRACES]: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: String(share),
    }),
  };
  const contenders: Contender[] = [];
  try {
    for (const [name, job, env, recorded] of [
      ["all off", "quiet", { MILLRACE_LOG_LEVEL: "silent" }, 0],
      ["all on", "quiet", seen, share],
      ["all on, a line a run", "told", seen, share],
    ] as const) {
      const log = join(folder, `${contenders.length}`);
      contenders.push(await Contender.start(name, { job, recorded }, env, log));
    }
    const [off, on, told] = contenders as [Contender, Contender, Contender];
    await inTurn(off, on, { runs, rounds });
    // What costs so much is seen in fewer.
    await inTurn(off, told, { runs, rounds: Math.ceil(rounds / 4) });
    process.stderr.write("\n");
    if (sentry.asked > 0) throw new Error("nothing was to be told to Sentry");
    print(contenders, {
      runs,
      rounds,
      traces: traced ? `with ${sampled} % of the runs` : "without",
    });
  } finally {
    for (const contender of contenders) await contender.end();
    await sentry[Symbol.asyncDispose]();
    collector.closeAllConnections();
    collector.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Who is second finds the machine as the first has left it: each is, in turn. */
async function inTurn(
  off: Contender,
  on: Contender,
  { runs, rounds }: { runs: number; rounds: number },
): Promise<void> {
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? [off, on] : [on, off];
    for (const contender of order) await contender.round(runs);
    // The first compiles what all run.
    if (round > 0) on.pairs.push([off.measured, on.measured]);
    process.stderr.write(".");
  }
}

/** A worker, on a database of its own. */
class Contender {
  readonly name: string;
  /** In its last round. */
  measured!: Measured;
  /** What was measured of the one with all of it off, and of this one, in the same round. */
  readonly pairs: [Measured, Measured][] = [];
  readonly #asked: Asked;
  readonly #bench: BenchDatabase;
  readonly #child: ChildProcess;
  readonly #probes: string | undefined;
  readonly log: string;

  private constructor(
    name: string,
    asked: Asked,
    at: { bench: BenchDatabase; child: ChildProcess; probes: string | undefined; log: string },
  ) {
    this.name = name;
    this.#asked = asked;
    this.#bench = at.bench;
    this.#child = at.child;
    this.#probes = at.probes;
    this.log = at.log;
  }

  static async start(
    name: string,
    asked: Asked,
    env: Record<string, string>,
    log: string,
  ): Promise<Contender> {
    const bench = await openBenchDatabase();
    await new JobRegistry(Object.values(jobs)).register(bench.db);
    const child = spawn(
      process.execPath,
      [MAIN, "worker", "--jobs", JOBS, "--concurrency", "500"],
      {
        env: {
          ...process.env,
          MILLRACE_HOME: `${log}-home`,
          DATABASE_URL: String(bench.connection().connectionString),
          ...env,
        },
        stdio: ["ignore", "pipe", openSync(log, "w")],
      },
    );
    let probes: string | undefined;
    for await (const line of createInterface({ input: child.stdout! })) {
      probes ??= /probes +(http:\S+?)\/healthz/.exec(line)?.[1];
      if (line.startsWith("Working."))
        return new Contender(name, asked, { bench, child, probes, log });
    }
    for await (const text of createReadStream(log, "utf8")) process.stderr.write(text as string);
    throw new Error("the worker did not start");
  }

  async round(runs: number): Promise<void> {
    const { db } = this.#bench;
    await settleDown(db);
    const scraping = this.#probes && setInterval(() => void this.#scrape(), 1000);
    // Who has waited for the others has a heap that shrank and caches that cooled, the more the longer it was: none of what is compared.
    await this.#process(Math.ceil(runs / 4));
    const cpu = cpuOfTree(this.#child.pid!)!;
    const seconds = await this.#process(runs);
    const cpuUs = (cpuOfTree(this.#child.pid!)! - cpu) / runs;
    clearInterval(scraping);
    this.measured = { perSecond: runs / seconds, cpuUs };
  }

  /** @returns the seconds from the first start to the last end */
  async #process(runs: number): Promise<number> {
    const { db } = this.#bench;
    const [{ begun }] = await rowsOf<{ begun: Date }>(db, "select clock_timestamp() as begun");
    const { job, recorded } = this.#asked;
    await seedWaiting(db, runs, PARCEL, job, recorded);
    await until(
      `${this.name} is done`,
      async () => {
        const [{ left }] = await rowsOf<{ left: number }>(
          db,
          `select coalesce((select sum(cardinality(run_ids)) from millrace.ready), 0)::int
             + coalesce((select sum(cardinality(run_ids)) from millrace.lease), 0)::int as left`,
        );
        return left === 0;
      },
      { deadlineMs: 300_000 },
    );
    const [{ done, seconds }] = await rowsOf<{ done: number; seconds: number }>(
      db,
      `select count(*)::int as done, extract(epoch from max(finished_at) - min(started_at))::float8 as seconds
       from millrace.run where state = 'completed' and started_at >= $1`,
      [begun],
    );
    if (done !== runs) throw new Error(`${this.name}: ${done} of ${runs} runs have completed`);
    return seconds;
  }

  async #scrape(): Promise<void> {
    const answer = await fetch(`${this.#probes}/metrics`);
    if (!answer.ok) throw new Error(`${this.name}: /metrics answered ${answer.status}`);
    await answer.text();
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
    await this.#bench.drop();
  }
}

async function rowsOf<Row extends Record<string, unknown>>(
  db: BenchDatabase["db"],
  sql: string,
  params: unknown[] = [],
): Promise<[Row, ...Row[]]> {
  const { rows } = await db.query<Row>(sql, params);
  return rows as [Row, ...Row[]];
}

/** A collector of traces that takes everything and keeps nothing. */
async function swallow(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function print(
  contenders: readonly Contender[],
  { runs, rounds, traces }: { runs: number; rounds: number; traces: string },
): void {
  console.log(`${runs} runs a round, ${rounds} rounds; ${traces} traced\n`);
  console.log("| | runs/s | of all off | half of the rounds | worker CPU/run | of all off | log |");
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  const [off, ...seen] = contenders;
  for (const { name, pairs, log } of [off!, ...seen]) {
    const beside = pairs.length > 0 ? pairs : seen[0]!.pairs.map(([one]) => [one, one] as const);
    const speeds = beside.map(([one, other]) => other.perSecond / one.perSecond);
    const cells = [
      name,
      median(beside.map(([, { perSecond }]) => perSecond)).toFixed(0),
      percent(median(speeds)),
      `${percent(quantile(speeds, 0.25))} to ${percent(quantile(speeds, 0.75))}`,
      `${median(beside.map(([, { cpuUs }]) => cpuUs)).toFixed(1)} µs`,
      percent(median(beside.map(([one, other]) => other.cpuUs / one.cpuUs))),
      `${(statSync(log).size / 1024).toFixed(0)} KiB`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((one, other) => one - other)[Math.floor(share * (values.length - 1))]!;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

await main();
