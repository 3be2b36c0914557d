/**
 * `npm run load:dashboard`: what the screens cost beside a long history. Searches and their 2 s stop, the overview by each range, one look for all who
 * watch, and what ends cost: with and without the trigger on runs that notes those of families and for webhooks, in turns, so that a machine that drifts drifts for both.
 */
import { readFileSync } from "node:fs";
import { defineJob } from "@millrace/sdk";
import { Claimer, type Database, JobRegistry, Subjects, settle } from "millrace";
import { z } from "zod";
import { median } from "../../bench/results.ts";
import { readOverview } from "../../packages/server/src/api/overview.ts";
import { countFound, findRuns } from "../../packages/server/src/engine/search/look-through.ts";
import { readStandingOfQueues, readWatched } from "../../packages/server/src/store/live.ts";
import { numbersAsked } from "../faults/harness/script.ts";
import { openBenchDatabase, settleDown } from "./database.ts";
import { seedHistory } from "./seed-history.ts";
import { seedWaiting } from "./seed-waiting.ts";

const SEARCHES = [
  "",
  "status:failed",
  "error:HttpError age:<1h",
  "error:0000000000000003",
  "status:running",
  "status:cancelled",
  "job:any status:failed input.tenant:t200",
  "input.tenant:t77",
  '"503"',
  "input.tenant:none",
  "took:>59s",
];

/** Of fields that the job declares as searchable: one run, many runs, and none. Before that they are looked for in all. */
const FIELDS = [
  "input.n:900000",
  "input.tenant:t77",
  "input.n:900000 status:failed",
  "input.n:none",
];

const CLAIM = 250;
const TICKS = 50;
const WATCHED = 1000;

async function main(): Promise<void> {
  const { history, waiting, runs, rounds } = numbersAsked({
    ...{ history: 1_000_000, waiting: 10_000, runs: 20_000, rounds: 9 },
  });
  const { db, drop } = await openBenchDatabase();
  try {
    await new JobRegistry([defineJob({ name: "any", run: () => null })]).register(db);
    await seedHistory(db, history);
    await seedWaiting(db, waiting, 1);
    await db.query({ text: "set statement_timeout = 0; analyze", query_timeout: 600_000 } as never);
    await printSearches(db, [...SEARCHES, ...FIELDS]);
    await declareFields(db);
    await printSearches(db, FIELDS);
    await printOverviews(db);
    await printTicks(db);
    await db.query("truncate millrace.ready");
    await printEnds(db, runs, rounds);
  } finally {
    await drop();
  }
}

/** As if they had been declared before the first run. */
async function declareFields(db: Database): Promise<void> {
  const job = defineJob({
    name: "any",
    input: z.object({ tenant: z.string(), n: z.number() }),
    searchable: ["tenant", "n"],
    run: () => null,
  });
  await new JobRegistry([job]).register(db);
  await db.query("update millrace.job_field set since = now() - interval '15 days'");
  const startedAt = performance.now();
  const text =
    "set statement_timeout = 0; select millrace.mark_runs('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'); analyze";
  await db.query({ text, query_timeout: 1_200_000 } as never);
  const { rows } = await db.query<{ marks: number; bytes: number }>(
    `select (select count(*)::int from millrace.run_field) as marks,
       (select sum(pg_total_relation_size(relation))::bigint from millrace.partition where parent = 'run_field') as bytes`,
  );
  const { marks, bytes } = rows[0]!;
  console.log(
    `\n${marks} marks of tenant and n, written in ${Math.round((performance.now() - startedAt) / 1000)} s, ${Math.round(bytes / marks)} bytes each with their indexes\n`,
  );
}

async function printSearches(db: Database, queries: readonly string[]): Promise<void> {
  console.log(
    "search                                       page ms (three times)   found   looked   whole   count         ms",
  );
  for (const query of queries) {
    const asked = { query, projects: null, now: new Date() };
    const times: number[] = [];
    let page = await findRuns(db, asked, 50);
    for (let n = 0; n < 3; n++) {
      const startedAt = performance.now();
      page = await findRuns(db, asked, 50);
      times.push(Math.round(performance.now() - startedAt));
    }
    const startedAt = performance.now();
    const counted = await countFound(db, asked, 10_001);
    const columns = [
      query.padEnd(44),
      times.join("/").padStart(22),
      String(page.rows.length).padStart(8),
      String(page.looked).padStart(9),
      String(page.ended).padStart(8),
      `${counted.count}${counted.ended || counted.count > 10_000 ? "" : " so far"}`.padStart(14),
      String(Math.round(performance.now() - startedAt)).padStart(6),
    ];
    console.log(columns.join(""));
  }
}

async function printOverviews(db: Database): Promise<void> {
  console.log("\noverview   ms (median of 9)");
  for (const range of ["1h", "6h", "24h", "7d"] as const) {
    const times: number[] = [];
    for (let n = 0; n < 9; n++) {
      const startedAt = performance.now();
      await readOverview(db, new Subjects(db), { range }, null, new Date());
      times.push(performance.now() - startedAt);
    }
    console.log(`${range.padEnd(11)}${median(times).toFixed(1).padStart(16)}`);
  }
}

/** The statements of a tick, with as many open runs on screens as 50 watchers have who see 20 each. */
async function printTicks(db: Database): Promise<void> {
  const client = await db.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const { rows: open } = await client.query<{ id: string }>(
    `select run_ids[1] as id from millrace.ready order by seq limit ${WATCHED}`,
  );
  const ids = open.map(({ id }) => id);
  for (let n = 0; n < 5; n++) {
    await readStandingOfQueues(client);
    await readWatched(client, ids);
  }
  const [cpu, startedAt] = [cpuOf(rows[0]!.pid), performance.now()];
  for (let n = 0; n < TICKS; n++) {
    await readStandingOfQueues(client);
    await readWatched(client, ids);
  }
  const cpuMs = (cpuOf(rows[0]!.pid) - cpu) / 1000 / TICKS;
  const ms = (performance.now() - startedAt) / TICKS;
  client.release();
  console.log(
    `\na tick of ${ids.length} watched runs, 2 statements: ${ms.toFixed(1)} ms, ${cpuMs.toFixed(1)} ms of the server's processor, so ${((cpuMs / 1000) * 100).toFixed(2)} % of one of them at one a second`,
  );
}

/** Claims and settles runs that complete, and runs that fail, with the trigger and without. */
async function printEnds(db: Database, runs: number, rounds: number): Promise<void> {
  const client = await db.connect();
  const { rows } = await client.query<{ pid: number; worker: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('load', 1, '{}', '{}', 'load', 12000) returning id as worker, pg_backend_pid() as pid`,
  );
  const { pid, worker } = rows[0]!;
  const claimer = new Claimer(client, worker, ["default"], ["any"]);
  const failure = { class: "Error", message: "alas", stack: null };
  const round = async (verdict: "complete" | "fail", count: number) => {
    await seedWaiting(db, count, CLAIM);
    await settleDown(db);
    const cpu = cpuOf(pid);
    for (let done = 0; done < count;) {
      const claimed = await claimer.claim(Math.min(CLAIM, count - done));
      const ended = verdict === "complete" ? { verdict, output: null } : { verdict, failure };
      await settle(
        client,
        worker,
        claimed.map(({ leaseId, id }) => ({ leaseId, runId: id, ...ended })),
      );
      done += claimed.length;
    }
    return (cpuOf(pid) - cpu) / count;
  };
  console.log(
    "\nclaim and settle  server CPU/run, µs: with trigger   without it   ratio (median, least to most)",
  );
  for (const verdict of ["complete", "fail"] as const) {
    const count = verdict === "complete" ? runs : runs / 4;
    const measured: [number, number][] = [];
    for (let n = 0; n <= rounds; n++) {
      const pair: number[] = [];
      for (const what of n % 2
        ? (["disable", "enable"] as const)
        : (["enable", "disable"] as const)) {
        await db.query(`alter table millrace.run ${what} trigger ended`);
        pair[what === "enable" ? 0 : 1] = await round(verdict, count);
      }
      if (n > 0) measured.push(pair as [number, number]);
    }
    const ratios = measured.map(([on, off]) => on / off);
    console.log(
      `${verdict.padEnd(20)}${median(measured.map(([on]) => on))
        .toFixed(1)
        .padStart(28)}${median(measured.map(([, off]) => off))
        .toFixed(1)
        .padStart(
          14,
        )}${median(ratios).toFixed(3).padStart(8)} (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`,
    );
  }
  client.release();
}

/** For how many microseconds a process has been on a processor; by its nanoseconds, for proc(5) counts ticks of 10 ms. */
function cpuOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1000;
}

await main();
