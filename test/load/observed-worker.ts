import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, openSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { JobRegistry } from "millrace";
import { until } from "../support/until.ts";
import { type BenchDatabase, openBenchDatabase, postmasterOf, settleDown } from "./database.ts";
import * as jobs from "./jobs/observed.job.ts";
import { seedWaiting } from "./seed-waiting.ts";

const MAIN = join(import.meta.dirname, "../../packages/server/bin/millrace.mjs");
const JOBS = join(import.meta.dirname, "jobs/observed.job.ts");
const PARCEL = 250;

const SCRAPE_EVERY_MS = 1000;

/**
 * V8 gives memory and compiled code back when a process has had nothing to do for some seconds, as between two rounds: the next would measure how it comes
 * to itself again, which takes twice as much of the processor.
 */
const STAYS_AWAKE = "--no-memory-reducer";

/** A way to work: how much of it is seen. */
export interface Way {
  readonly name: string;
  readonly job: "quiet" | "told";
  /** Of the runs, which are traced; from 0 to 1. */
  readonly recorded: number;
  readonly env: Readonly<Record<string, string>>;
}

/** What a worker has left to do, and has had to do it with. */
export interface State {
  /** Runs that have not ended. */
  readonly left: number;
  /** Milliseconds, by the clock. */
  readonly at: number;
  /** Processor of its process, in microseconds. */
  readonly workerUs: number;
  /** The same of the database's sessions that it works through; what the database does for all, such as to write the log, is in nobody's. */
  readonly sessionsUs: number;
}

/** A worker on a database of its own, and what its work takes. */
export class ObservedWorker {
  static readonly alive = new Set<ObservedWorker>();
  readonly log: string;
  /** Scrapes that were answered. */
  scraped = 0;
  readonly #way: Way;
  readonly #bench: BenchDatabase;
  readonly #child: ChildProcess;
  readonly #threads = new Processors((id) => `/proc/${this.#child.pid}/task/${id}/schedstat`);
  readonly #sessions = new Processors((id) => `/proc/${id}/schedstat`);
  #probes: string | undefined;
  #runs = 0;
  #scraping: NodeJS.Timeout | undefined;
  #scrapeFailed: Error | undefined;

  private constructor(way: Way, at: { bench: BenchDatabase; child: ChildProcess; log: string }) {
    this.#way = way;
    this.#bench = at.bench;
    this.#child = at.child;
    this.log = at.log;
    ObservedWorker.alive.add(this);
  }

  static async start(way: Way, log: string): Promise<ObservedWorker> {
    const bench = await openBenchDatabase();
    // Throws when the server's processes are not to be seen from here.
    await postmasterOf(bench.db);
    await new JobRegistry(Object.values(jobs)).register(bench.db);
    const child = spawn(
      process.execPath,
      [STAYS_AWAKE, MAIN, "worker", "--jobs", JOBS, "--concurrency", "500"],
      {
        env: {
          ...withoutSettings(process.env),
          MILLRACE_HOME: `${log}-home`,
          DATABASE_URL: String(bench.connection().connectionString),
          ...way.env,
        },
        stdio: ["ignore", "pipe", openSync(log, "w")],
      },
    );
    const worker = new ObservedWorker(way, { bench, child, log });
    for await (const line of createInterface({ input: child.stdout! })) {
      worker.#probes ??= /probes +(http:\S+?)\/healthz/.exec(line)?.[1];
      if (line.startsWith("Working.")) return worker;
    }
    return worker.#failed("the worker did not start");
  }

  /** Ends what is left of all of them, by force. */
  static killAll(): void {
    for (const worker of ObservedWorker.alive) worker.#child.kill("SIGKILL");
  }

  /** Makes room, writes back what was changed before, and gives it runs. */
  async load(runs: number): Promise<void> {
    const { db } = this.#bench;
    this.#runs = runs;
    await db.query("truncate millrace.run, millrace.log");
    await db.query("vacuum millrace.ready, millrace.lease");
    await settleDown(db);
    if (this.#probes) {
      this.#scraping ??= setInterval(() => void this.#beScraped(), SCRAPE_EVERY_MS);
    }
    await seedWaiting(db, runs, PARCEL, this.#way.job, this.#way.recorded);
  }

  /** Waits for the rest. @throws Error when a run has not completed */
  async finish(): Promise<void> {
    await until(`${this.#way.name} is done`, async () => (await this.state()).left === 0, {
      deadlineMs: 300_000,
    });
    const done = await this.#count("from millrace.run where state = 'completed'");
    if (done !== this.#runs) await this.#failed(`${done} of ${this.#runs} runs have completed`);
  }

  async state(): Promise<State> {
    const { pid, exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) await this.#failed("the worker has ended");
    if (this.#scrapeFailed) throw this.#scrapeFailed;
    const { rows } = await this.#bench.db.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database()
         and backend_type = 'client backend' and application_name <> 'millrace bench'`,
    );
    return {
      left: await this.#left(),
      at: performance.now(),
      workerUs: this.#threads.us(readdirSync(`/proc/${pid}/task`).map(Number)),
      sessionsUs: this.#sessions.us(rows.map((row) => row.pid)),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#scraping);
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGTERM");
      await ended;
    }
    ObservedWorker.alive.delete(this);
    await this.#bench.drop();
  }

  async #left(): Promise<number> {
    const of = (table: string) => `(select sum(cardinality(run_ids)) from millrace.${table})`;
    const { rows } = await this.#bench.db.query<{ left: number }>(
      `select (coalesce(${of("ready")}, 0) + coalesce(${of("lease")}, 0))::int as left`,
    );
    return rows[0]!.left;
  }

  async #count(from: string): Promise<number> {
    const { rows } = await this.#bench.db.query<{ n: number }>(`select count(*)::int as n ${from}`);
    return rows[0]!.n;
  }

  /** The text is thrown away: who scrapes is on a machine of its own. */
  async #beScraped(): Promise<void> {
    try {
      const answer = await fetch(`${this.#probes}/metrics`);
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`);
      this.scraped++;
    } catch (error) {
      this.#scrapeFailed = new Error("a scrape failed", { cause: error });
    }
  }

  async #failed(what: string): Promise<never> {
    for await (const text of createReadStream(this.log, "utf8"))
      process.stderr.write(text as string);
    throw new Error(`${this.#way.name}: ${what}`);
  }
}

/** How long some threads were on a processor, also those that are gone; by their nanoseconds, for proc(5) counts ticks of 10 ms. */
class Processors {
  readonly #us = new Map<number, number>();
  readonly #pathOf: (id: number) => string;

  constructor(pathOf: (id: number) => string) {
    this.#pathOf = pathOf;
  }

  us(alive: readonly number[]): number {
    for (const id of alive) {
      try {
        this.#us.set(id, Number(readFileSync(this.#pathOf(id), "utf8").split(" ")[0]) / 1000);
      } catch (error) {
        // It has ended since it was listed.
        if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      }
    }
    return [...this.#us.values()].reduce((sum, us) => sum + us, 0);
  }
}

/** What a shell has set would be on in the one with all of it off. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(MILLRACE|SENTRY|OTEL)_/.test(name)),
  );
}
