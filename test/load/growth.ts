/**
 * `npm run load:growth`: what a long history and a long queue cost. Three databases on one server, seeded by SQL: bare, with
 * a history, with a backlog. Each is worked on in turn, round by round, so that a machine that drifts drifts for all.
 */
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { defineJob } from "@millrace/sdk";
import {
  Claimer,
  type Database,
  JobRegistry,
  MetricsRegistry,
  cancel,
  keepPartitions,
  settle,
} from "millrace";
import type pg from "pg";
import { median } from "../../bench/results.ts";
import { measurePlaces } from "../../packages/server/src/api/measure-places.ts";
import { measureQueues } from "../../packages/server/src/api/measure-queues.ts";
import { measureScaling } from "../../packages/server/src/api/routes/scaling.ts";
import { LoadMeter } from "../../packages/server/src/engine/load-meter.ts";
import { readDatabaseHealth } from "../../packages/server/src/engine/database-health.ts";
import { measureHealth } from "../../packages/server/src/maintenance/health-metrics.ts";
import { measurePool } from "../../packages/server/src/telemetry/pool-metrics.ts";
import { probeServer } from "../../packages/server/src/telemetry/probe-server.ts";
import { measureProcess } from "../../packages/server/src/telemetry/process-metrics.ts";
import { readTimeline } from "../../packages/server/src/store/events.ts";
import { countPlaces } from "../../packages/server/src/store/places.ts";
import { listQueues } from "../../packages/server/src/store/queues.ts";
import { listRuns, readAutomation, readRun } from "../../packages/server/src/store/runs.ts";
import { openBenchDatabase, settleDown } from "./database.ts";
import { by } from "../support/caller.ts";
import { seedWaiting } from "./seed-waiting.ts";

const USAGE = `npm run load:growth -- [--history N] [--waiting N] [--parcel N] [--runs N] [--rounds N]
  DATABASE_URL names the server. Needs about 600 bytes of disk for each run.`;

const DAY_MS = 86_400_000;
const RETENTION_MS = 90 * DAY_MS;
const CHUNK = 100_000;
const CLAIM = 250;
const NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const job = defineJob({ name: "any", run: () => null });

const { values } = parseArgs({
  options: {
    history: { type: "string", default: "1000000" },
    waiting: { type: "string", default: "1000000" },
    parcel: { type: "string", default: "250" },
    runs: { type: "string", default: "10000" },
    rounds: { type: "string", default: "5" },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const number = (name: "history" | "waiting" | "parcel" | "runs" | "rounds") =>
    Number(values[name]);
  const parcel = number("parcel");
  const subjects: Subject[] = [];
  try {
    for (const [name, history, waiting] of [
      ["bare", 0, 0],
      ["history", number("history"), 0],
      ["backlog", 0, number("waiting")],
    ] as const) {
      subjects.push(await Subject.create(name, { history, waiting, parcel }));
    }
    for (let round = 0; round <= number("rounds"); round++) {
      for (const subject of subjects) await subject.round(number("runs"), round > 0);
    }
    print(subjects);
    await printCosts(subjects);
    await printScrapes(subjects);
  } finally {
    for (const subject of subjects) await subject.drop();
  }
}

class Subject {
  readonly name: string;
  readonly db: Database;
  readonly drop: () => Promise<void>;
  readonly perSecond: number[] = [];
  readonly cpuUs: number[] = [];
  readonly #parcel: number;
  readonly #client: pg.PoolClient;
  readonly #worker: number;
  readonly #claimer: Claimer;
  readonly #pid: number;

  private constructor(
    name: string,
    bench: { db: Database; drop: () => Promise<void> },
    at: { client: pg.PoolClient; worker: number; pid: number; parcel: number },
  ) {
    this.name = name;
    this.db = bench.db;
    this.#parcel = at.parcel;
    this.#client = at.client;
    this.#worker = at.worker;
    this.#pid = at.pid;
    this.#claimer = new Claimer(at.client, at.worker, ["default"], ["any"]);
    this.drop = async () => {
      at.client.release(true);
      await bench.drop();
    };
  }

  static async create(
    name: string,
    { history, waiting, parcel }: { history: number; waiting: number; parcel: number },
  ): Promise<Subject> {
    const bench = await openBenchDatabase();
    const { db } = bench;
    const now = Date.now();
    // Those of the last quarter of a year, as a server that has run so long has them.
    for (let ago = history > 0 ? 90 : 0; ago >= 0; ago -= 7) {
      await keepPartitions(db, { now: new Date(now - ago * DAY_MS), retentionMs: RETENTION_MS });
    }
    await new JobRegistry([job]).register(db);
    const startedAt = performance.now();
    for (let done = 0; done < history; done += CHUNK) {
      await seedHistory(
        db,
        Math.min(CHUNK, history - done),
        new Date(now - 90 * DAY_MS),
        done / history,
      );
    }
    for (let done = 0; done < waiting; done += CHUNK) {
      await seedWaiting(db, Math.min(CHUNK, waiting - done), parcel);
    }
    const patiently = { text: "set statement_timeout = 0; analyze", query_timeout: 3_600_000 };
    await db.query(patiently);
    const client = await db.connect();
    const { rows } = await client.query<{ worker: number; pid: number }>(
      `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
       values ('load', 1, '{}', '{}', 'load', 12000) returning id as worker, pg_backend_pid() as pid`,
    );
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.log(`${name}: ${history} runs of history, ${waiting} waiting, seeded in ${seconds} s`);
    return new Subject(name, bench, { client, parcel, ...rows[0]! });
  }

  /** As many runs wait after it as before. */
  async round(runs: number, counts: boolean): Promise<void> {
    await seedWaiting(this.db, runs, this.#parcel);
    await settleDown(this.db);
    const [cpu, startedAt] = [cpuOf(this.#pid), performance.now()];
    for (let done = 0; done < runs;) {
      const claimed = await this.#claimer.claim(Math.min(CLAIM, runs - done));
      if (claimed.length === 0) throw new Error("nothing was there to claim");
      const outcomes = claimed.map(({ leaseId, id }) => ({
        leaseId,
        runId: id,
        verdict: "complete" as const,
        output: null,
      }));
      await settle(this.#client, this.#worker, outcomes);
      done += claimed.length;
    }
    if (!counts) return;
    this.perSecond.push(runs / ((performance.now() - startedAt) / 1000));
    this.cpuUs.push((cpuOf(this.#pid) - cpu) / runs);
  }
}

async function seedHistory(db: Database, count: number, from: Date, share: number): Promise<void> {
  await db.query(
    `insert into millrace.run (id, job, queue, priority, trigger, input, state, started_at, finished_at, worker_id, attempts)
     select (substr(millrace.uuid_floor(at)::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid, 'any', 'default', 0,
       'api', '{"order": "A-1043", "customer": 77, "note": "as always, before noon"}', 'completed', at, at, 1, 1
     from (select $2::timestamptz + interval '88 days' * ($3::float8 + n / 1e8) as at from generate_series(1, $1::int) n) t`,
    [count, from, share],
  );
}

/** User and system time of a process in microseconds (proc(5)). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function print(subjects: readonly Subject[]): void {
  const [bare] = subjects;
  console.log("\nclaim and settle   runs/s (median)   of bare   server CPU/run   of bare");
  for (const { name, perSecond, cpuUs } of subjects) {
    const speed = median(perSecond.map((value, n) => value / bare!.perSecond[n]!));
    const cpu = median(cpuUs) / median(bare!.cpuUs);
    console.log(
      [
        name.padEnd(18),
        String(Math.round(median(perSecond))).padStart(15),
        `${Math.round(100 * speed)} %`.padStart(9),
        `${median(cpuUs).toFixed(1)} µs`.padStart(16),
        `${Math.round(100 * cpu)} %`.padStart(9),
      ].join(" "),
    );
  }
}

/** What the API, /metrics and the doctor ask, in milliseconds: the median of five. */
async function printCosts(subjects: readonly Subject[]): Promise<void> {
  const asked: [string, (db: Database, run: string) => Promise<unknown>][] = [
    ["a run", (db, run) => readRun(db, run)],
    ["its timeline", (db, run) => readTimeline(db, run)],
    ["automation_jobs", (db, run) => readAutomation(db, run)],
    [
      "newest 50 runs",
      (db) => listRuns(db, NEWEST, 20_000, 50, null, null, null, null, null, null),
    ],
    [
      "runs by a job that has none",
      (db) => listRuns(db, NEWEST, 20_000, 50, "none", null, null, null, null, null),
    ],
    [
      "running runs",
      (db) => listRuns(db, NEWEST, 20_000, 50, null, null, "running", null, null, null),
    ],
    ["queues", (db) => listQueues(db, null)],
    ["places (/metrics)", (db) => countPlaces(db)],
    ["health (/metrics)", (db) => readDatabaseHealth(db)],
    ["cancel of the last that waits", (db) => cancelLast(db)],
  ];
  console.log(
    `\n${"milliseconds".padEnd(32)}${subjects.map(({ name }) => name.padStart(10)).join("")}`,
  );
  for (const [what, ask] of asked) {
    const cells: string[] = [];
    for (const { db } of subjects) {
      await seedWaiting(db, 10, 1);
      const { rows } = await db.query<{ id: string }>(
        "select id from millrace.run where state is not null order by id limit 1",
      );
      const times: number[] = [];
      for (let n = 0; n < 5; n++) {
        const startedAt = performance.now();
        await ask(db, rows[0]!.id);
        times.push(performance.now() - startedAt);
      }
      cells.push(median(times).toFixed(1).padStart(10));
    }
    console.log(`${what.padEnd(32)}${cells.join("")}`);
  }
}

/** What is read once is good for five seconds, and twice that where it took long. */
const BETWEEN_SCRAPES_MS = 6000;

/** All that a server tells a Prometheus, by HTTP, as one that scrapes it seldom gets it: nothing is still known from the scrape before. */
async function printScrapes(subjects: readonly Subject[]): Promise<void> {
  for (const { name, db } of subjects) {
    const metrics = new MetricsRegistry();
    const endMeasuring = measureProcess(metrics);
    measurePool(metrics, db);
    measurePlaces(metrics, db);
    measureQueues(metrics, db);
    measureScaling(metrics, new LoadMeter(db));
    measureHealth(metrics, db);
    const probes = probeServer({
      alive: async () => ({ ok: true, checks: {} }),
      ready: async () => ({ ok: true, checks: {} }),
      metrics: () => metrics.metrics(),
      metricsType: metrics.contentType,
    });
    await probes.listen({ host: "127.0.0.1", port: 0 });
    const { port } = probes.server.address() as AddressInfo;
    const times: number[] = [];
    for (let n = 0; n < 5; n++) {
      await pause(BETWEEN_SCRAPES_MS);
      const startedAt = performance.now();
      await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      times.push(performance.now() - startedAt);
    }
    const [middle, worst] = [median(times), Math.max(...times)].map((ms) => ms.toFixed(1));
    console.log(`GET /metrics, ${name}: ${middle} ms, ${worst} at worst`);
    endMeasuring();
    await probes.close();
  }
}

async function cancelLast(db: Database): Promise<void> {
  const { rows } = await db.query<{ id: string }>(
    "select run_ids[1] as id from millrace.ready order by queue, priority, seq desc limit 1",
  );
  await cancel(db, by("load"), { runId: rows[0]!.id, reason: null });
}

if (values.help) console.log(USAGE);
else await main();
