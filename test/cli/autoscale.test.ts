import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

const JOBS = ["--jobs", join(import.meta.dirname, "jobs")];
// The machine that runs the tests is busy: that is another test's.
const ANY_MACHINE = ["--max-cpu", "100", "--min-free", "1mb"];

async function newInstallation() {
  const database = await createDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.drop();
  });
  const rows = async (sql: string) => (await client.query(sql)).rows as Record<string, unknown>[];
  const env = {
    DATABASE_URL: database.url,
    MILLRACE_HOME: newHome(),
    MILLRACE_PROBE_PORT: "0",
    MILLRACE_DRAIN: "60s",
  };
  const alive = async () =>
    (await rows("select from millrace.worker where state in ('active', 'draining')")).length;
  return { rows, env, alive };
}

test("a burst brings workers, quiet lets them drain, and no attempt is lost by it", async () => {
  const { rows, env, alive } = await newInstallation();
  const size = ["--min", "1", "--max", "3", "--hold", "5s", "--concurrency", "5"];
  const scaler = await startMillrace(["autoscale", ...JOBS, ...size, ...ANY_MACHINE], env);
  await scaler.waitForLine(/ 1 worker$/);
  const [, probes] = await scaler.waitForLine(/probes +(http:\S+)\/healthz/);
  await until("it works", async () => (await alive()) === 1);
  await rows(`select millrace.enqueue('nap', '{"ms":1500}') from generate_series(1, 400)`);
  await scaler.waitForLine(/ 3 workers$/, { deadlineMs: 60_000 });
  const metrics = await (await fetch(`${probes}/metrics`)).text();
  expect(metrics).toMatch(/^millrace_autoscale_workers\{state="working"\} [123]$/m);

  const open = "select from millrace.run where state is null";
  await until("all are done", async () => (await rows(open)).length === 0, { deadlineMs: 90_000 });
  await until("one is left", async () => (await alive()) === 1, { deadlineMs: 90_000 });
  expect(
    await rows("select count(*)::int as runs, sum(attempts)::int as attempts from millrace.run"),
  ).toEqual([{ runs: 400, attempts: 400 }]);
  expect(await rows("select from millrace.worker where state = 'lost'")).toEqual([]);

  scaler.kill("SIGTERM");
  expect(await scaler.exited).toEqual({ code: 0, signal: null });
  expect(await alive()).toBe(0);
}, 240_000);

test("workers whose autoscaler is killed drain by themselves", async () => {
  const { env, alive } = await newInstallation();
  await millrace(["migrate"], env);
  const scaler = await startMillrace(["autoscale", ...JOBS, "--min", "2", ...ANY_MACHINE], env);
  await until("both work", async () => (await alive()) === 2, { deadlineMs: 60_000 });
  scaler.kill("SIGKILL");
  await scaler.exited;
  await until("they are gone", async () => (await alive()) === 0, { deadlineMs: 60_000 });
}, 120_000);

test("a least that is more than the most is refused", async () => {
  const answer = await millrace(["autoscale", "--min", "3", "--max", "2"]);
  expect(answer).toMatchObject({ code: 2 });
  expect(answer.stderr).toContain("--min is more than --max");
});
