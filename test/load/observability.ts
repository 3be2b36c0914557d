/**
 * `npm run load:observability -- --runs 100000 --rounds 12 --starts 4 --every 200`: what it costs to be seen. One worker each, with all of it off and with
 * all of it on: metrics that are scraped each second, JSON logs into a file, Sentry, and the trace of one run in so many; and the same with a line of
 * `ctx.log` a run. Each works beside the one with all of it off, in turn, round by round, on runs whose handler does nothing, so that a machine that drifts
 * drifts for both and nothing hides the cost. Many short rounds tell more than few long ones, between which the machine drifts further than what is to be
 * seen; and of two processes that do the same one is now and then compiled better than the other for as long as it lives, so there are several of each.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { type Server, createServer, get } from "node:http";
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
import { type BenchDatabase, openBenchDatabase, postmasterOf, settleDown } from "./database.ts";
import * as jobs from "./jobs/observed.job.ts";
import { seedWaiting } from "./seed-waiting.ts";

const MAIN = join(import.meta.dirname, "../../packages/server/bin/millrace.mjs");
const JOBS = join(import.meta.dirname, "jobs/observed.job.ts");
const TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PARCEL = 250;
/** Rounds in which V8 compiles what all run. */
const WARM_UP = 2;

/**
 * V8 gives memory and compiled code back when a process has had nothing to do for some seconds, as between two rounds: the next would measure how it comes
 * to itself again, which takes twice as much of the processor.
 */
const STAYS_AWAKE = "--no-memory-reducer";

/** A way to work: how much of it is seen. */
interface Way {
  readonly name: string;
  readonly job: string;
  /** Of the runs, which are traced; from 0 to 1. */
  readonly recorded: number;
  readonly env: Record<string, string>;
}

interface Measured {
  perSecond: number;
  /** Of the worker's process and of the database, in microseconds a run. */
  workerUs: number;
  serverUs: number;
}

/** What was measured of the one with all of it off, and of another, in the same round. */
type Pair = readonly [Measured, Measured];

interface Told {
  readonly pairs: Pair[];
  logBytes: number;
}

async function main(): Promise<void> {
  const { runs, rounds, starts, every } = numbersAsked({
    ...{ runs: 100_000, rounds: 12, starts: 4, every: 200 },
  });
  const folder = mkdtempSync(join(tmpdir(), "millrace-load-"));
  const sentry = await SentryReceiver.start();
  const collector = await swallow();
  const traced = TRACES in VARIABLES;
  // Of the runs, as it was decided where they were asked for.
  const recorded = traced ? 1 / every : 0;
  const seen = {
    MILLRACE_LOG_LEVEL: "info",
    MILLRACE_PROBE_PORT: "0",
    SENTRY_DSN: sentry.dsnOf("0123456789abcdef"),
    ...(traced && {
      [TRACES]: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: String(recorded),
    }),
  };
  const unseen: Way = {
    name: "all off",
    ...{ job: "quiet", recorded: 0, env: { MILLRACE_LOG_LEVEL: "silent" } },
  };
  const others: readonly (Way & { rounds: number })[] = [
    { name: "all on", job: "quiet", recorded, env: seen, rounds },
    // What costs so much is seen in fewer.
    {
      name: "all on, a line a run",
      job: "told",
      recorded,
      env: seen,
      rounds: Math.ceil(rounds / 4),
    },
  ];
  const told = new Map(
    others.map(({ name }): [string, Told] => [name, { pairs: [], logBytes: 0 }]),
  );
  try {
    for (let start = 0; start < starts; start++) {
      for (const way of others) {
        const off = await Contender.start(unseen, join(folder, `${start}-off`));
        const on = await Contender.start(way, join(folder, `${start}-on`));
        const one = told.get(way.name)!;
        one.pairs.push(...(await inTurn(off, on, { runs, rounds: way.rounds })));
        one.logBytes += statSync(on.log).size / starts;
        await Promise.all([off.end(), on.end()]);
      }
    }
    process.stderr.write("\n");
    if (sentry.asked > 0) throw new Error("nothing was to be told to Sentry");
    print(told, { runs, rounds, starts, traces: traced ? `${100 / every} % of the runs` : "none" });
  } finally {
    for (const contender of Contender.alive) await contender.end();
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
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let round = 0; round < WARM_UP + rounds; round++) {
    const order = round % 2 === 0 ? [off, on] : [on, off];
    for (const contender of order) await contender.round(runs);
    if (round >= WARM_UP) pairs.push([off.measured, on.measured]);
    process.stderr.write(".");
  }
  return pairs;
}

/** A worker, on a database of its own. */
class Contender {
  static readonly alive = new Set<Contender>();
  /** In its last round. */
  measured!: Measured;
  readonly log: string;
  readonly #way: Way;
  readonly #bench: BenchDatabase;
  readonly #child: ChildProcess;
  readonly #postmaster: number;
  #probes: string | undefined;

  private constructor(
    way: Way,
    at: { bench: BenchDatabase; child: ChildProcess; postmaster: number; log: string },
  ) {
    this.#way = way;
    this.#bench = at.bench;
    this.#child = at.child;
    this.#postmaster = at.postmaster;
    this.log = at.log;
    Contender.alive.add(this);
  }

  static async start(way: Way, log: string): Promise<Contender> {
    const bench = await openBenchDatabase();
    await new JobRegistry(Object.values(jobs)).register(bench.db);
    const postmaster = await postmasterOf(bench.db);
    const child = spawn(
      process.execPath,
      [STAYS_AWAKE, MAIN, "worker", "--jobs", JOBS, "--concurrency", "500"],
      {
        env: {
          ...process.env,
          MILLRACE_HOME: `${log}-home`,
          DATABASE_URL: String(bench.connection().connectionString),
          ...way.env,
        },
        stdio: ["ignore", "pipe", openSync(log, "w")],
      },
    );
    const contender = new Contender(way, { bench, child, postmaster, log });
    for await (const line of createInterface({ input: child.stdout! })) {
      contender.#probes ??= /probes +(http:\S+?)\/healthz/.exec(line)?.[1];
      if (line.startsWith("Working.")) return contender;
    }
    for await (const text of createReadStream(log, "utf8")) process.stderr.write(text as string);
    throw new Error("the worker did not start");
  }

  async round(runs: number): Promise<void> {
    const { db } = this.#bench;
    // What the rounds before have left would fill the memory of the server, of one sooner than of the other.
    await db.query("truncate millrace.run cascade");
    await db.query("vacuum millrace.ready, millrace.lease");
    await settleDown(db);
    const scraping = this.#probes && setInterval(() => this.#scrape(), 1000);
    // Who has waited for the others has a heap that shrank and caches that cooled, the more the longer it was: none of what is compared.
    await this.#process(Math.ceil(runs / 4));
    const [worker, server] = this.#processors();
    const seconds = await this.#process(runs);
    const [workerNow, serverNow] = this.#processors();
    clearInterval(scraping);
    this.measured = {
      perSecond: runs / seconds,
      workerUs: (workerNow - worker) / runs,
      serverUs: (serverNow - server) / runs,
    };
  }

  /** @returns what the worker and the database have had of them until now, in microseconds */
  #processors(): [worker: number, server: number] {
    return [cpuOfTree(this.#child.pid!)!, cpuOfTree(this.#postmaster)!];
  }

  /** @returns the seconds from the first start to the last end */
  async #process(runs: number): Promise<number> {
    const { db } = this.#bench;
    const [{ begun }] = await rowsOf<{ begun: Date }>(db, "select clock_timestamp() as begun");
    const { name, job, recorded } = this.#way;
    await seedWaiting(db, runs, PARCEL, job, recorded);
    await until(
      `${name} is done`,
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
    if (done !== runs) throw new Error(`${name}: ${done} of ${runs} runs have completed`);
    return seconds;
  }

  /** Reads nothing of it: who scrapes is on a machine of its own. */
  #scrape(): void {
    get(`${this.#probes}/metrics`, (answer) => {
      if (answer.statusCode !== 200) {
        throw new Error(`${this.#way.name}: /metrics answered ${answer.statusCode}`);
      }
      answer.resume();
    });
  }

  async end(): Promise<void> {
    Contender.alive.delete(this);
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGTERM");
      await ended;
    }
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
  told: ReadonlyMap<string, Told>,
  given: { runs: number; rounds: number; starts: number; traces: string },
): void {
  const { runs, rounds, starts, traces } = given;
  console.log(`${runs} runs a round, ${starts} times ${rounds} rounds; traced: ${traces}\n`);
  console.log(
    "| | runs/s | of all off | half of the rounds | worker | of all off | server | log |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  const off: Told = {
    pairs: [...told.values()][0]!.pairs.map(([one]): Pair => [one, one]),
    logBytes: 0,
  };
  for (const [name, { pairs, logBytes }] of [["all off", off] as const, ...told]) {
    const speeds = pairs.map(([one, other]) => other.perSecond / one.perSecond);
    const halfOf = (take: (measured: Measured) => number) =>
      median(pairs.map(([, other]) => take(other)));
    const cells = [
      name,
      halfOf(({ perSecond }) => perSecond).toFixed(0),
      percent(median(speeds)),
      `${percent(quantile(speeds, 0.25))} to ${percent(quantile(speeds, 0.75))}`,
      `${halfOf(({ workerUs }) => workerUs).toFixed(1)} µs`,
      percent(median(pairs.map(([one, other]) => other.workerUs / one.workerUs))),
      `${halfOf(({ serverUs }) => serverUs).toFixed(1)} µs`,
      `${(logBytes / 1024).toFixed(0)} KiB`,
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
