/**
 * `npm run faults:start -- --rounds 20`: kills the whole process group of `npm start` at a random moment under load over
 * HTTP, in every second round also the embedded PostgreSQL with all its processes, and starts it again. It must come up
 * by itself each time, and nothing that was acknowledged may be lost. Exit code 1 when that is not so; the raw history,
 * the ledger and the data are then kept.
 */
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as moment } from "node:timers/promises";
import pg from "pg";
import { acquireEmbeddedPostgres } from "../../packages/server/src/runtime/embedded/index.ts";
import { Child } from "../support/child-process.ts";
import { until } from "../support/until.ts";
import { type Report, check, quantile } from "./harness/checker.ts";
import { History, type LedgerEntry, monotonicMs, readLines } from "./harness/history.ts";
import { HttpLoad } from "./harness/http-load.ts";
import { faultsIn, numbersAsked, printReport } from "./harness/script.ts";

const ROOT = join(import.meta.dirname, "../..");
const JOBS = join(import.meta.dirname, "harness/jobs");
const PER_SECOND = 80;

async function main(): Promise<number> {
  const { rounds } = numbersAsked({ rounds: 20 });
  const folder = mkdtempSync(join(tmpdir(), "millrace-faults-"));
  // The database's account must pass through it.
  chmodSync(folder, 0o711);
  const trial = new Trial(folder);
  let faults: string[] = ["it did not get to its end"];
  try {
    const readyMs: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      const withDatabase = round % 2 === 0;
      readyMs.push(await trial.round(withDatabase));
      console.log(
        `${round}: ready after ${seconds(readyMs.at(-1)!)}, killed ${withDatabase ? "with its database" : "alone"}`,
      );
    }
    const report = await trial.finish();
    printReport(report);
    readyMs.sort((a, b) => a - b);
    console.log(
      `start to ready       p50 ${seconds(quantile(readyMs, 0.5))}, max ${seconds(readyMs.at(-1)!)}`,
    );
    faults = faultsIn(report);
  } finally {
    await trial.end();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`history, ledger and data: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
  return faults.length > 0 ? 1 : 0;
}

/** One home, and what is done to it. */
class Trial {
  readonly #home: string;
  readonly #ledger: string;
  readonly #history: History;
  #server: Child | undefined;

  constructor(folder: string) {
    this.#home = join(folder, "home");
    this.#ledger = join(folder, "ledger.jsonl");
    writeFileSync(this.#ledger, "");
    this.#history = new History(join(folder, "history.jsonl"));
  }

  /** Starts, works under load, kills. @returns milliseconds until it was ready */
  async round(withDatabase: boolean): Promise<number> {
    const begun = performance.now();
    const { server, address } = await this.#start();
    const readyMs = performance.now() - begun;
    const load = new HttpLoad(this.#history, address, this.#apiKey()).start(PER_SECOND);
    await moment(500 + Math.random() * 2500);
    this.#history.note({ event: "kill", pid: server.pid }, monotonicMs());
    const database = withDatabase ? databaseProcesses(this.#databasePid()) : [];
    server.killGroup("SIGKILL");
    for (const pid of database) kill(pid);
    await server.exited;
    await load.stop();
    return readyMs;
  }

  /** A last start finishes what was left; then everything is compared. */
  async finish(): Promise<Report> {
    await this.#start();
    const held = await acquireEmbeddedPostgres({
      home: join(this.#home, "postgres"),
      report: () => {},
    });
    const pool = new pg.Pool({ ...held.connection() });
    try {
      await until(
        "every run has its outcome",
        async () => {
          const { rows } = await pool.query(
            "select exists (select from millrace.run where state is null) as open",
          );
          return !rows[0].open;
        },
        { deadlineMs: 120_000 },
      );
      return await check(pool, this.#history.read(), readLines<LedgerEntry>(this.#ledger));
    } finally {
      await pool.end();
      await held.release();
    }
  }

  /** Stops what still runs, as Ctrl-C does: the last one out stops the database. */
  async end(): Promise<void> {
    this.#server?.kill("SIGTERM");
    await this.#server?.exited;
    this.#history.close();
  }

  async #start(): Promise<{ server: Child; address: string }> {
    const server = await Child.start("npm", ["start", "--", "--jobs", JOBS], {
      cwd: ROOT,
      group: true,
      env: {
        DATABASE_URL: undefined,
        MILLRACE_HOME: this.#home,
        MILLRACE_PORT: "0",
        MILLRACE_LEASE: "2s",
        MILLRACE_LOG_LEVEL: "warn",
        LEDGER: this.#ledger,
      },
    });
    this.#server = server;
    const patience = { deadlineMs: 120_000 };
    const [, address] = await server.waitForLine(/address +(http:\S+),/, patience);
    await server.waitForLine(/^Ready\./, patience);
    return { server, address: address! };
  }

  #apiKey(): string {
    return readFileSync(join(this.#home, "api-key"), "utf8").trim();
  }

  #databasePid(): number {
    const file = join(this.#home, "postgres/pg18/postmaster.pid");
    return Number(readFileSync(file, "utf8").split("\n")[0]);
  }
}

/** The postmaster and all its processes: their parent is in the fourth field of /proc/PID/stat. */
function databaseProcesses(postmaster: number): number[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === postmaster)
    .map(Number);
  return [postmaster, ...children];
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the program's name, which is in parentheses: the state, then the parent.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

process.exitCode = await main();
