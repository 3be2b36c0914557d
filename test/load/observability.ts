/**
 * `npm run load:observability -- --starts 8 --rounds 1 --runs 400000 --every 200`: what it costs to be seen. One worker whose metrics nobody scrapes, that logs
 * nothing, and that knows neither Sentry nor a collector of traces; and another with all of it on: metrics that are scraped each second, JSON logs into a
 * file, Sentry, and the trace of one run in so many. Then the same with a line of `ctx.log` a run; and another one with all of it off, which says how much of a
 * difference is none. Their runs do nothing, so that nothing hides the cost, and nothing is logged but what a worker says by itself.
 *
 * The two work at the same time, so that whatever else the machine does meets both alike, and what each takes of the processors tells more than how fast it
 * is. In rounds that followed each other, one was 10 % faster than another just like it; and where one was stopped (SIGSTOP) in turn while the other went on, what
 * came to itself again each time was what was measured. Two processes that do the same are never quite alike, so there are several pairs of them, and each is told.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { median } from "../../bench/results.ts";
import { numbersAsked } from "../faults/harness/script.ts";
import { SentryReceiver } from "../support/sentry-receiver.ts";
import { type State, ObservedWorker, type Way } from "./observed-worker.ts";

/** Runs in which V8 compiles what all run. */
const WARM_UP = 80_000;
/** So many done, and both are at work; so many left, and none has been without any. */
const ENOUGH = 20_000;
const LOOK_EVERY_MS = 200;
/** More than any round takes, unless nothing is done. */
const MAX_LOOKS = 2000;

/** What one did while both were at work. */
interface Measured {
  perSecond: number;
  /** Microseconds of the processor a run, as in {@link State}. */
  workerUs: number;
  sessionsUs: number;
}

/** What was measured in the same round of the one with all of it off, and of the other. */
type Pair = readonly [off: Measured, other: Measured];

interface Told {
  /** Of each pair of processes, its rounds. */
  readonly processes: Pair[][];
  scraped: number;
  logBytes: number;
}

async function main(): Promise<void> {
  const { runs, rounds, starts, every } = numbersAsked({
    ...{ runs: 400_000, rounds: 1, starts: 8, every: 200 },
  });
  const folder = mkdtempSync(join(tmpdir(), "millrace-load-"));
  const sentry = await SentryReceiver.start();
  const collector = await Collector.start();
  process.once("exit", () => ObservedWorker.killAll());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  // Of the runs, as it was decided where they were asked for.
  const recorded = 1 / every;
  const seen = {
    MILLRACE_LOG_LEVEL: "info",
    MILLRACE_PROBE_PORT: "0",
    SENTRY_DSN: sentry.dsnOf("0123456789abcdef"),
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: String(recorded),
  };
  const unseen: Way = {
    ...{ name: "all off", job: "quiet", recorded: 0, env: { MILLRACE_LOG_LEVEL: "silent" } },
  };
  const others: readonly (Way & { starts: number })[] = [
    { ...unseen, name: "all off, once more", starts },
    { name: "all on", job: "quiet", recorded, env: seen, starts },
    // What costs so much is seen in fewer.
    {
      ...{ name: "all on, a line a run", job: "told", recorded, env: seen },
      starts: Math.ceil(starts / 4),
    },
  ];
  const told = new Map<string, Told>();
  try {
    for (let start = 0; start < starts; start++) {
      for (const way of others.filter((other) => start < other.starts)) {
        const one = told.get(way.name) ?? { processes: [], scraped: 0, logBytes: 0 };
        told.set(way.name, one);
        const given = { offFirst: start % 2 === 0, folder: join(folder, `${way.name} ${start}`) };
        const { pairs, other } = await beside(unseen, way, { ...given, runs, rounds });
        one.processes.push(pairs);
        one.scraped += other.scraped;
        one.logBytes += statSync(other.log).size / way.starts;
        if (other.scraped === 0 && way.env === seen) throw new Error("nothing was scraped");
      }
    }
    process.stderr.write("\n");
    if (sentry.asked > 0) throw new Error("nothing was to be told to Sentry");
    if (collector.asked === 0) throw new Error("no span was sent");
    console.log(
      `${starts} times ${rounds} rounds of ${runs} runs; traced: ${100 / every} % of the runs, sent in ${collector.asked} requests\n`,
    );
    print(told);
  } finally {
    ObservedWorker.killAll();
    await Promise.allSettled([...ObservedWorker.alive].map((worker) => worker.close()));
    await sentry[Symbol.asyncDispose]();
    collector.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two new processes. Who is first may have it better or worse than another just like it. */
async function beside(
  off: Way,
  other: Way,
  given: { offFirst: boolean; folder: string; runs: number; rounds: number },
): Promise<{ pairs: Pair[]; other: ObservedWorker }> {
  const { offFirst, folder, runs, rounds } = given;
  mkdirSync(folder);
  const first = await ObservedWorker.start(offFirst ? off : other, join(folder, "first"));
  const second = await ObservedWorker.start(offFirst ? other : off, join(folder, "second"));
  await Promise.all([first.load(WARM_UP), second.load(WARM_UP)]);
  await Promise.all([first.finish(), second.finish()]);
  const pairs: (readonly [Measured, Measured])[] = [];
  for (let round = 0; round < rounds; round++) {
    pairs.push(await together(first, second, runs));
    process.stderr.write(".");
  }
  await Promise.all([first.close(), second.close()]);
  return offFirst
    ? { pairs, other: second }
    : { pairs: pairs.map(([one, two]): Pair => [two, one]), other: first };
}

/** Gives both so many runs. @returns what each did while both were at work */
async function together(
  first: ObservedWorker,
  second: ObservedWorker,
  runs: number,
): Promise<readonly [Measured, Measured]> {
  await Promise.all([first.load(runs), second.load(runs)]);
  const states: (readonly [State, State])[] = [];
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const [one, two] = await Promise.all([first.state(), second.state()]);
    if (Math.min(one.left, two.left) < ENOUGH) break;
    if (Math.max(one.left, two.left) <= runs - ENOUGH) states.push([one, two]);
    await pause(LOOK_EVERY_MS);
  }
  await Promise.all([first.finish(), second.finish()]);
  const [begin, end] = [states.at(0), states.at(-1)];
  if (!begin || !end || begin === end) throw new Error("--runs: more are needed");
  return [between(begin[0], end[0]), between(begin[1], end[1])];
}

function between(before: State, now: State): Measured {
  const runs = before.left - now.left;
  return {
    perSecond: (1000 * runs) / (now.at - before.at),
    workerUs: (now.workerUs - before.workerUs) / runs,
    sessionsUs: (now.sessionsUs - before.sessionsUs) / runs,
  };
}

/** A collector of traces that takes everything and keeps nothing. */
class Collector {
  asked = 0;
  readonly #server: Server = createServer((request, response) => {
    this.asked++;
    request.resume().on("end", () => response.writeHead(200).end());
  });

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => {
      collector.#server.listen(0, "127.0.0.1", resolve);
    });
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function print(told: ReadonlyMap<string, Told>): void {
  const head = ["", "runs/s", "of all off", "each", "worker", "of all off", "each"];
  const more = ["its sessions", "of all off", "both", "each", "scrapes", "log"];
  console.log(`| ${[...head, ...more].join(" | ")} |`);
  console.log(`| --- |${" ---: |".repeat(head.length + more.length - 1)}`);
  for (const [name, { processes, scraped, logBytes }] of told) {
    const halfOf = (take: (measured: Measured) => number) =>
      median(processes.flat().map(([, other]) => take(other)));
    const shares = (take: (measured: Measured) => number) =>
      processes.map((rounds) => median(rounds.map(([off, other]) => take(other) / take(off))));
    const worker = ({ workerUs }: Measured) => workerUs;
    const sessions = ({ sessionsUs }: Measured) => sessionsUs;
    const speed = ({ perSecond }: Measured) => perSecond;
    const cells = [
      ...[name, halfOf(speed).toFixed(0), ...spread(shares(speed))],
      ...[`${halfOf(worker).toFixed(2)} µs`, ...spread(shares(worker))],
      ...[`${halfOf(sessions).toFixed(2)} µs`, percent(median(shares(sessions)))],
      ...spread(shares((measured) => worker(measured) + sessions(measured))),
      ...[String(scraped), `${(logBytes / 1024).toFixed(0)} KiB`],
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

/** The median of what the pairs of processes were, and they. */
function spread(shares: readonly number[]): [string, string] {
  const each = [...shares].sort((one, other) => one - other).map((share) => percent(share, 0));
  return [percent(median(shares)), each.join(" ")];
}

function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}

await main();
