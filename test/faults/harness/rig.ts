import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  Bell,
  type Database,
  Dispatcher,
  Intake,
  JobRegistry,
  PostgresTransport,
  Reaper,
  Waker,
  type Transport,
  createLogger,
  openDatabase,
} from "millrace";
import { MillraceError } from "@millrace/sdk";
import pg from "pg";
import { Child } from "../../support/child-process.ts";
import { diskFolder } from "../../support/servers/memory.ts";
import { until } from "../../support/until.ts";
import { Failpoints } from "./failpoints.ts";
import { type Report, check } from "./checker.ts";
import { History, type LedgerEntry, monotonicMs, readLines } from "./history.ts";

const WORKER = join(import.meta.dirname, "worker-process.mjs");
const MAINTENANCE = join(import.meta.dirname, "maintenance-process.mjs");
const REPORT_FAILPOINTS = pathToFileURL(join(import.meta.dirname, "report-failpoints.mjs")).href;

export interface RigOptions {
  /** Where the rig looks at what became of things; no fault touches it. */
  url: string;
  /** Where everything under test connects; default `url`. */
  faultyUrl?: string;
  /** Default 5000. */
  leaseMs?: number;
  /** How often the reaper looks. Default: as the default of 2 s is to the default lease of 12 s. */
  sweepMs?: number;
  /** How long the server may work on a statement. Default 30 000. */
  statementMs?: number;
  /** What the controller rings through, and its URL for the workers. Default: PostgreSQL. */
  transport?: { opened: Transport; url: string };
}

/**
 * For what follows when a worker has died, however busy the machine is: a lease that nobody who lives lets run out, and a reaper that sees at once when
 * one who was {@link Rig.bury buried} has.
 */
export const LONG_LEASE = { leaseMs: 60_000, sweepMs: 100 } as const;

export interface WorkerProcessOptions {
  concurrency?: number;
  drainMs?: number;
  /** Default: the rig's `faultyUrl`. */
  url?: string;
}

/** A process and the hand on its failpoints. It has been started, but may not have got to work yet. */
export interface HeldProcess {
  child: Child;
  failpoints: Failpoints;
}

/**
 * Workers as processes of their own; intake, dispatcher and reaper here, in the controller, which notes in a history
 * what clients asked for and were told. At the end {@link report} compares it all with the database.
 */
export class Rig {
  readonly leaseMs: number;
  readonly #statementMs: number;
  readonly sweepMs: number;
  readonly history: History;
  /** For looking; not for what is tried. */
  readonly observer: pg.Pool;
  readonly db: Database;
  #folder: string;
  readonly #ledger: string;
  readonly #url: string;
  readonly #logger = createLogger("silent");
  readonly #transport: Transport;
  readonly #transportUrl: string;
  readonly #bell: Bell;
  readonly #intake: Intake;
  readonly #ends: (() => Promise<unknown>)[] = [];
  /** All processes that this rig has started and not killed. */
  readonly workers = new Set<Child>();
  #ops = 0;

  constructor(options: RigOptions) {
    this.leaseMs = options.leaseMs ?? 5000;
    this.#statementMs = options.statementMs ?? 30_000;
    this.sweepMs = options.sweepMs ?? this.leaseMs / 6;
    this.#url = options.faultyUrl ?? options.url;
    this.#folder = mkdtempSync(join(tmpdir(), "millrace-faults-"));
    this.#ledger = join(this.#folder, "ledger.jsonl");
    writeFileSync(this.#ledger, "");
    this.history = new History(join(this.#folder, "history.jsonl"));
    this.observer = new pg.Pool({ connectionString: options.url, application_name: "observer" });
    this.observer.on("error", () => {});
    const connection = () => ({ connectionString: this.#url });
    this.db = openDatabase({
      connection,
      applicationName: "millrace controller",
      statementMs: this.#statementMs,
    });
    const logger = this.#logger;
    this.#transport =
      options.transport?.opened ?? new PostgresTransport({ db: this.db, connection, logger });
    this.#transportUrl = options.transport?.url ?? "postgres";
    this.#bell = new Bell(this.#transport, logger);
    // It knows no job's code: workers register their jobs in the database.
    this.#intake = new Intake(this.db, new JobRegistry([]), (queue) => this.#bell.ring(queue));
  }

  async startReaper(): Promise<void> {
    const { db, sweepMs } = this;
    const reaper = new Reaper({ db, bell: this.#bell, logger: this.#logger, sweepMs });
    this.#ends.push(() => reaper.stop());
    await reaper.start();
  }

  /** What moves what is due, and wakes what waits. */
  async startDispatcher(): Promise<void> {
    const options = { db: this.db, bell: this.#bell, logger: this.#logger };
    for (const loop of [new Dispatcher(options), new Waker(options)]) {
      this.#ends.push(() => loop.stop());
      await loop.start();
    }
  }

  /** Answers when it works. */
  async startWorker(options: WorkerProcessOptions = {}): Promise<Child> {
    const worker = await this.#spawn([WORKER], options);
    await worker.waitForLine(/^ready$/, { deadlineMs: 120_000 });
    return worker;
  }

  /** A worker that can be held at failpoints; answers as soon as it can be, which is before it works. */
  startHeldWorker(options: WorkerProcessOptions = {}): Promise<HeldProcess> {
    return this.#held(WORKER, options);
  }

  /** The same for a process that is a reaper and a dispatcher. */
  startHeldMaintenance(): Promise<HeldProcess> {
    return this.#held(MAINTENANCE, {});
  }

  async #held(program: string, options: WorkerProcessOptions): Promise<HeldProcess> {
    const child = await this.#spawn(["--import", REPORT_FAILPOINTS, program], options, 2);
    return { child, failpoints: new Failpoints(child.pipes) };
  }

  async #spawn(args: string[], options: WorkerProcessOptions, pipes = 0): Promise<Child> {
    const { concurrency = 10, drainMs = 1000, url = this.#url } = options;
    const child = await Child.start(process.execPath, args, {
      pipes,
      env: {
        DATABASE_URL: url,
        LEDGER: this.#ledger,
        CONCURRENCY: String(concurrency),
        LEASE_MS: String(this.leaseMs),
        SWEEP_MS: String(this.sweepMs),
        DRAIN_MS: String(drainMs),
        STATEMENT_MS: String(this.#statementMs),
        TRANSPORT: this.#transportUrl,
      },
    });
    this.workers.add(child);
    return child;
  }

  /** Ends a worker as a power cut would. */
  kill(worker: Child): void {
    this.workers.delete(worker);
    const at = monotonicMs();
    worker.kill("SIGKILL");
    this.history.note({ event: "kill", pid: worker.pid }, at);
  }

  /** The same, and its lease is over at once. */
  async bury(worker: Child): Promise<void> {
    this.kill(worker);
    await worker.exited;
    await this.rows(
      "update millrace.worker set lease_ms = 250 where name like '%:' || $1 and state = 'active'",
      [String(worker.pid)],
    );
  }

  /** Asks for a run as a client does; answers its id when it was acknowledged. */
  async enqueue(job: string, input: object = {}, runAt?: Date): Promise<string | undefined> {
    const op = `op-${++this.#ops}-${randomUUID()}`;
    this.history.note({ event: "invoke", op });
    try {
      const request = { job, input, runAt, trigger: "api", correlationId: op } as const;
      const run = await this.#intake.accept(request);
      this.history.note({ event: "ok", op, run: run.id });
      return run.id;
    } catch (error) {
      const known = error instanceof MillraceError && error.code !== "database_unavailable";
      this.history.note({ event: known ? "fail" : "unknown", op });
      return undefined;
    }
  }

  /** The same for a run that must be acknowledged. */
  async accepted(job: string, input: object = {}): Promise<string> {
    const id = await this.enqueue(job, input);
    if (id === undefined) throw new Error(`a run of ${job} was not acknowledged`);
    return id;
  }

  ledger(): LedgerEntry[] {
    return readLines<LedgerEntry>(this.#ledger);
  }

  /** Waits until a handler has noted an event for the run. */
  untilNoted(run: string, event: RegExp, attempt?: number): Promise<LedgerEntry> {
    return until(`the ledger has ${event} of run ${run}`, () =>
      this.ledger().find(
        (entry) =>
          entry.run === run &&
          event.test(entry.event) &&
          (attempt === undefined || entry.attempt === attempt),
      ),
    );
  }

  async rows<Row extends pg.QueryResultRow>(sql: string, params: unknown[] = []): Promise<Row[]> {
    return (await this.observer.query<Row>(sql, params)).rows;
  }

  /** Waits until no run is open any more. */
  async settled(deadlineMs = 60_000): Promise<void> {
    await until(
      "every run has its outcome",
      async () => {
        const [row] = await this.rows<{ open: boolean }>(
          "select exists (select from millrace.run where state is null) as open",
        );
        return !row!.open;
      },
      { deadlineMs },
    );
  }

  report(): Promise<Report> {
    return check(this.observer, this.history.read(), this.ledger());
  }

  /** Where history and ledger are kept; after {@link close}, where it left them. */
  get folder(): string {
    return this.#folder;
  }

  async close(options: { keepFiles?: boolean } = {}): Promise<void> {
    await Promise.all([...this.workers].map((worker) => worker[Symbol.asyncDispose]()));
    await Promise.all(this.#ends.map((end) => end()));
    await this.#transport.close();
    await this.db.end();
    await this.observer.end();
    this.history.close();
    if (options.keepFiles) this.#folder = onDisk(this.#folder);
    else rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What lies in memory goes with this process. */
function onDisk(folder: string): string {
  const kept = join(diskFolder(), basename(folder));
  if (kept !== folder) cpSync(folder, kept, { recursive: true });
  return kept;
}
