/**
 * `npm run load:transports -- --runs 20000 --trickle 3000 --workers 4 --rounds 3`: worker processes on each transport, as `millrace worker`
 * starts them. A backlog that is there when they begin, and then runs that are asked for one by one. Says how fast and at what
 * cost of the database's processors; that of the transport itself is not counted. DATABASE_URL says where, as for all of test/load.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  Bell,
  type Database,
  Intake,
  JobRegistry,
  type Transport,
  createLogger,
  openTransport,
} from "millrace";
import { cpuOfTree } from "../../bench/meter.ts";
import { median } from "../../bench/results.ts";
import { BROKERS } from "../faults/harness/breakable-broker.ts";
import { numbersAsked } from "../faults/harness/script.ts";
import type { Child } from "../support/child-process.ts";
import { launch } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { openBenchDatabase, postmasterOf, settleDown } from "./database.ts";
import * as jobs from "./jobs/load.job.ts";

const JOBS = ["--jobs", join(import.meta.dirname, "jobs")];
const TRANSPORTS = ["postgres", ...(Object.keys(BROKERS) as (keyof typeof BROKERS)[])] as const;
/** Of the trickle: far from what the workers can take, so that nearly every ring finds them waiting. */
const PER_SECOND = 200;

interface Figures {
  perSecond: number[];
  backlogUs: number[];
  trickleUs: number[];
  startMs: number[];
}

async function main(): Promise<void> {
  const asked = numbersAsked({ runs: 20_000, trickle: 3000, workers: 4, rounds: 3 });
  const figures = new Map<string, Figures>(
    TRANSPORTS.map((name) => [name, { perSecond: [], backlogUs: [], trickleUs: [], startMs: [] }]),
  );
  for (let round = 1; round <= asked.rounds; round++) {
    for (const name of TRANSPORTS) {
      const measured = await measure(name, asked);
      for (const [what, value] of Object.entries(measured)) {
        figures.get(name)![what as keyof Figures].push(value);
      }
      console.log(`round ${round} ${name}: ${JSON.stringify(measured)}`);
    }
  }
  console.log(
    `\n${asked.workers} workers, ${asked.runs} runs that wait, then ${asked.trickle} at ${PER_SECOND} a second; medians of ${asked.rounds}\n`,
  );
  console.log(
    "| transport | backlog, runs/s | database, µs/run | one by one: database, µs/run | enqueued to started, p50 |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: |");
  for (const [name, { perSecond, backlogUs, trickleUs, startMs }] of figures) {
    const numbers = [perSecond, backlogUs, trickleUs].map((values) => Math.round(median(values)));
    console.log(`| ${[name, ...numbers].join(" | ")} | ${median(startMs).toFixed(1)} ms |`);
  }
}

/** One transport, with a database and a broker of its own. */
async function measure(
  name: (typeof TRANSPORTS)[number],
  asked: { runs: number; trickle: number; workers: number },
): Promise<Record<keyof Figures, number>> {
  const bench = await openBenchDatabase();
  const broker = name === "postgres" ? undefined : await BROKERS[name]();
  const url = broker?.url ?? "postgres";
  const home = mkdtempSync(join(tmpdir(), "millrace-load-"));
  const environment = {
    DATABASE_URL: String(bench.connection().connectionString),
    MILLRACE_TRANSPORT: url,
    MILLRACE_HOME: home,
  };
  const workers: Child[] = [];
  let transport: Transport | undefined;
  try {
    const { db, connection } = bench;
    const logger = createLogger("silent");
    const registry = new JobRegistry(Object.values(jobs));
    await registry.register(db);
    transport = await openTransport({ url, db, connection, logger });
    const bell = new Bell(transport, logger);
    const intake = new Intake(db, registry, (queue) => bell.ring(queue));
    const server = await postmasterOf(db);
    await acceptMany(intake, asked.runs);
    await settleDown(db);

    let before = cpuOfTree(server)!;
    for (let n = 0; n < asked.workers; n++) {
      workers.push(await launch(["worker", ...JOBS, "--concurrency", "100"], environment));
    }
    await allDone(db);
    const backlogUs = (cpuOfTree(server)! - before) / asked.runs;
    const perSecond = await paceOf(db);
    await until("all workers listen", async () => {
      const { rowCount } = await db.query("select from millrace.worker where state = 'active'");
      return rowCount === asked.workers;
    });
    // The last of them has then begun to receive as well, and whoever looked at the backlog's end rests.
    await pause(2000);

    before = cpuOfTree(server)!;
    const [{ at }] = (await db.query<{ at: Date }>("select clock_timestamp() as at")).rows as [
      { at: Date },
    ];
    for (let n = 0; n < asked.trickle; n++) {
      await Promise.all([
        intake.accept({ job: "noop", input: {}, trigger: "api" }),
        pause(1000 / PER_SECOND),
      ]);
    }
    await allDone(db);
    const trickleUs = (cpuOfTree(server)! - before) / asked.trickle;
    return { perSecond, backlogUs, trickleUs, startMs: await startOf(db, at) };
  } finally {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    await transport?.close();
    await broker?.close();
    await bench.drop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function acceptMany(intake: Intake, runs: number): Promise<void> {
  const request = { job: "noop", input: {}, trigger: "api" as const };
  for (let left = runs; left > 0; left -= 1000) {
    await intake.acceptMany(Array.from({ length: Math.min(1000, left) }, () => request));
  }
}

async function allDone(db: Database): Promise<void> {
  await until(
    "all runs are done",
    async () => {
      const { rows } = await db.query<{ open: boolean }>(
        "select exists (select from millrace.ready) or exists (select from millrace.lease) as open",
      );
      return !rows[0]!.open;
    },
    { deadlineMs: 300_000 },
  );
}

/** From the first start to the last end, so that starting the processes does not count. */
async function paceOf(db: Database): Promise<number> {
  const { rows } = await db.query<{ pace: number }>(
    "select count(*) / extract(epoch from max(finished_at) - min(started_at))::float8 as pace from millrace.run",
  );
  return Math.round(rows[0]!.pace);
}

/** From the acceptance, which is in the id, to the claim, in milliseconds. */
async function startOf(db: Database, since: Date): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `select percentile_cont(0.5) within group (order by extract(epoch from started_at - millrace.uuid_time(id)) * 1000)::float8 as ms
     from millrace.run where id >= millrace.uuid_floor($1)`,
    [since],
  );
  return rows[0]!.ms;
}

await main();
