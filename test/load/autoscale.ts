/**
 * `npm run load:autoscale -- --runs 50000 --ms 200 --max 4 --svg FILE`: a burst of runs that wait for somebody else's server, and
 * `millrace autoscale`, which has one worker when it begins. Draws what waits and who works, until one worker is left. Exit code
 * 1 when an attempt was lost, or the workers did not go up and down. DATABASE_URL says where, as for all of test/load.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Database, Intake, JobRegistry } from "millrace";
import type { Child } from "../support/child-process.ts";
import { launch } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { openBenchDatabase } from "./database.ts";
import * as jobs from "./jobs/load.job.ts";
import { type Series, drawn } from "./series.ts";

const EVERY_MS = 500;
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "50000" },
    ms: { type: "string", default: "200" },
    max: { type: "string", default: "4" },
    svg: { type: "string" },
  },
});

interface Sample {
  waiting: number;
  working: number;
  draining: number;
}

async function main(): Promise<number> {
  const [runs, ms, most] = [Number(values.runs), Number(values.ms), Number(values.max)];
  const { db, connection, drop } = await openBenchDatabase();
  const home = mkdtempSync(join(tmpdir(), "millrace-load-"));
  let scaler: Child | undefined;
  try {
    const registry = new JobRegistry(Object.values(jobs));
    await registry.register(db);
    const load = ["--jobs", join(import.meta.dirname, "jobs"), "--concurrency", "50"];
    scaler = await launch(["autoscale", ...load, "--max", String(most), "--hold", "10s"], {
      DATABASE_URL: String(connection().connectionString),
      MILLRACE_HOME: home,
      MILLRACE_DRAIN: "30s",
    });
    await until("the first worker works", async () => (await look(db)).working === 1, {
      deadlineMs: 60_000,
    });
    const samples: Sample[] = [];
    const over = burst(db, registry, runs, ms);
    for (;;) {
      const sample = await look(db);
      samples.push(sample);
      const { waiting, working, draining } = sample;
      if (waiting === 0 && working === 1 && draining === 0 && samples.length > 20) break;
      await pause(EVERY_MS);
    }
    await over;
    scaler.kill("SIGTERM");
    await scaler.exited;
    return await tell(db, samples, runs);
  } finally {
    await scaler?.[Symbol.asyncDispose]();
    await drop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function burst(db: Database, registry: JobRegistry, runs: number, ms: number): Promise<void> {
  // Nobody rings: workers look by themselves.
  const intake = new Intake(db, registry, () => {});
  const request = { job: "wait", input: { ms }, trigger: "api" as const };
  for (let left = runs; left > 0; left -= 1000) {
    await intake.acceptMany(Array.from({ length: Math.min(1000, left) }, () => request));
  }
}

async function look(db: Database): Promise<Sample> {
  const { rows } = await db.query<Sample>(
    `select (select coalesce(sum(cardinality(run_ids)), 0)::int from millrace.ready) as waiting,
       (select count(*)::int from millrace.worker where state = 'active') as working,
       (select count(*)::int from millrace.worker where state = 'draining') as draining`,
  );
  return rows[0]!;
}

async function tell(db: Database, samples: readonly Sample[], runs: number): Promise<number> {
  const { rows } = await db.query<{
    completed: number;
    attempts: number;
    lost: number;
    seconds: number;
  }>(
    `select count(*) filter (where state = 'completed')::int as completed, sum(attempts)::int as attempts, sum(losses)::int as lost,
       extract(epoch from max(finished_at) - min(started_at))::float8 as seconds from millrace.run`,
  );
  const { completed, attempts, lost, seconds } = rows[0]!;
  const most = Math.max(...samples.map(({ working }) => working));
  const series = (name: string, of: (sample: Sample) => number): Series => ({
    name,
    values: samples.map(of),
  });
  const all = [
    series("waiting", ({ waiting }) => waiting),
    series("workers", ({ working }) => working),
    series("draining", ({ draining }) => draining),
  ];
  for (const { name, values: points } of all)
    console.log(`${name.padEnd(9)} ${sparkline(points)} ${Math.max(...points)} at the most`);
  console.log(
    `${completed} of ${runs} runs completed in ${seconds.toFixed(0)} s, ${attempts} attempts, ${lost} of them lost`,
  );
  console.log(
    `workers: 1, then up to ${most}, then 1 again; ${samples.length} looks, ${EVERY_MS} ms apart`,
  );
  if (values.svg !== undefined) writeFileSync(values.svg, drawn(all, EVERY_MS / 1000));
  return completed === runs && attempts === runs && lost === 0 && most > 1 ? 0 : 1;
}

/** Some 100 characters. */
function sparkline(points: readonly number[]): string {
  const most = Math.max(1, ...points);
  const step = Math.max(1, Math.ceil(points.length / 100));
  const bars = " ▁▂▃▄▅▆▇█";
  let line = "";
  for (let n = 0; n < points.length; n += step) {
    line += bars[Math.ceil((points[n]! / most) * (bars.length - 1))];
  }
  return line;
}

process.exitCode = await main();
