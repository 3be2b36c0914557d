/**
 * `npm run load:watchers -- --runs 1000000 --watchers 50 --watched 20 --running 200 --seconds 30`: what browsers that only look cost the database: so many
 * streams of `/api/v1/live`, each about so many runs of which half are open, beside a long history; and what the server's own process takes for them.
 * Prints the share of one processor and of the time, with nobody watching, one, and all. Exits with 1 above 0.5 % (docs/dashboard.md).
 */
import { setTimeout as pause } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import { Claimer, type Database, JobRegistry } from "millrace";
import { cpuOfTree } from "../../bench/meter.ts";
import { numbersAsked } from "../faults/harness/script.ts";
import { openBenchDatabase, tidied } from "./database.ts";
import { KEY, MeasuredServer } from "./pages/measured-server.ts";
import { seedHistory } from "./seed-history.ts";
import { seedWaiting } from "./seed-waiting.ts";

const MOST_SHARE = 0.005;

async function main(): Promise<void> {
  const asked = numbersAsked({
    ...{ runs: 1_000_000, waiting: 2000, running: 200 },
    ...{ watchers: 50, watched: 20, seconds: 30 },
  });
  const bench = await openBenchDatabase();
  try {
    await new JobRegistry([defineJob({ name: "any", run: () => null })]).register(bench.db);
    await seedHistory(bench.db, asked.runs);
    await seedWaiting(bench.db, asked.running, 1);
    await start(bench.db, asked.running);
    await seedWaiting(bench.db, asked.waiting, 1);
    await tidied(bench.db);
    const server = await MeasuredServer.start(bench);
    try {
      console.log(
        "| watchers | a look each | of a processor of the database | active time of all its connections | of the server's processor |",
      );
      console.log("| ---: | ---: | ---: | ---: | ---: |");
      await printShare(bench.db, server, [], asked);
      await printShare(bench.db, server, await runsFor(bench.db, 1, asked.watched), asked);
      const many = await runsFor(bench.db, asked.watchers, asked.watched);
      const share = await printShare(bench.db, server, many, asked);
      if (share > MOST_SHARE) process.exitCode = 1;
    } finally {
      await server.stop();
    }
  } finally {
    await bench.drop();
  }
}

/** Has a worker that says nothing more begin so many runs. */
async function start(db: Database, running: number): Promise<void> {
  const { rows } = await db.query<{ id: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('load', $1, '{default}', '{any}', 'load', 86400000) returning id`,
    [running],
  );
  const claimer = new Claimer(db, rows[0]!.id, ["default"], ["any"]);
  for (let begun = 0; begun < running;) begun += (await claimer.claim(running)).length;
}

/** For each of them other runs: half of them open, as far as there are, half over. */
async function runsFor(db: Database, watchers: number, watched: number): Promise<string[][]> {
  const half = Math.ceil((watchers * watched) / 2);
  const { rows } = await db.query<{ id: string }>(
    `(select run_ids[1] as id from millrace.lease limit 200) union all (select run_ids[1] from millrace.ready order by seq limit $1)
     union all (select id from millrace.run where state is not null order by id desc limit $1)`,
    [half],
  );
  const ids = rows.map(({ id }) => id);
  return Array.from({ length: watchers }, (_, n) =>
    Array.from({ length: watched }, (_one, k) => ids[(n + k * watchers) % ids.length]!),
  );
}

/** @returns which share of one processor the database took for all of them */
async function printShare(
  db: Database,
  server: MeasuredServer,
  watchers: readonly string[][],
  { seconds }: { seconds: number },
): Promise<number> {
  const left = new AbortController();
  await Promise.all(watchers.map((ids) => watch(server, ids, left.signal)));
  // The first looks have all of the runs to tell.
  await pause(3000);
  const before = await read(db, server);
  await pause(seconds * 1000);
  const after = await read(db, server);
  left.abort();
  await pause(2000);
  const took = (after.at - before.at) / 1000;
  const looks = (after.looks - before.looks) / took;
  const share = (after.databaseUs - before.databaseUs) / 1e6 / took;
  const percent = (part: number) => `${(100 * part).toFixed(2)} %`;
  const columns = [
    String(watchers.length),
    looks === 0 ? "–" : `${(1 / looks).toFixed(1)} s`,
    percent(share),
    percent((after.activeMs - before.activeMs) / 1000 / took),
    percent((after.serverUs - before.serverUs) / 1e6 / took),
  ];
  console.log(`| ${columns.join(" | ")} |`);
  return share;
}

async function watch(
  server: MeasuredServer,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const answer = await fetch(`${server.url}/api/v1/live?runs=${ids.join(",")}`, {
    headers: { authorization: `Bearer ${KEY}` },
    signal,
  });
  if (!answer.ok) throw new Error(`no stream: ${await answer.text()}`);
  void (async () => {
    for await (const chunk of answer.body!) void chunk;
  })().catch(() => undefined);
}

/** What was spent so far: by the connections that look for all who watch, by all connections, and by the server. */
async function read(db: Database, server: MeasuredServer) {
  const { rows } = await db.query<{ pids: number[]; active: number }>(
    `select (select coalesce(array_agg(pid), '{}') from pg_stat_activity where datname = current_database() and application_name = 'millrace live') as pids,
       active_time as active from pg_stat_database where datname = current_database()`,
  );
  const { pids, active } = rows[0]!;
  const answer = await fetch(`${server.url}/metrics`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  const told = /millrace_live_tick_duration_seconds_count (\d+)/.exec(await answer.text());
  return {
    at: performance.now(),
    activeMs: active,
    databaseUs: pids.reduce((sum, pid) => sum + (cpuOfTree(pid) ?? 0), 0),
    looks: Number(told?.[1] ?? 0),
    serverUs: cpuOfTree(server.child.pid) ?? NaN,
  };
}

await main();
