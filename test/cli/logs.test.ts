import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

const KEY = "mr_a-key-for-the-logs-test";

/** A worker, and an API beside it that can be killed and come back at the same address. */
async function newInstallation() {
  const database = await createDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.drop();
  });
  const port = await freePort();
  const env = {
    DATABASE_URL: database.url,
    MILLRACE_HOME: newHome(),
    MILLRACE_API_KEY: KEY,
    MILLRACE_PORT: String(port),
    MILLRACE_PROBE_PORT: "0",
  };
  expect(await millrace(["migrate"], env)).toMatchObject({ code: 0 });
  const worker = await startMillrace(["worker", "--jobs", join(import.meta.dirname, "jobs")], env);
  await worker.waitForLine(/^Working\. /m);
  const startApi = async () => {
    const api = await startMillrace(["api"], env);
    await api.waitForLine(/^Ready\. /m);
    return api;
  };
  const api = await startApi();
  const asks = { MILLRACE_URL: `http://127.0.0.1:${port}`, MILLRACE_API_KEY: KEY };
  const enqueue = async (input: object): Promise<string> => {
    const args = ["run", "talks", "--input", JSON.stringify(input), "--json"];
    return JSON.parse((await millrace(args, asks)).stdout).id;
  };
  const onRecord = async (run: string) => {
    const { rows } = await client.query<{ seq: number }>(
      "select seq::int from millrace.log where run_id = $1 order by seq",
      [run],
    );
    return rows.map(({ seq }) => seq);
  };
  return { api, startApi, asks, enqueue, onRecord };
}

const seqsIn = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { seq: number }).seq);

test("whoever follows a log misses no line and gets none twice when the server is killed, and stops, meanwhile", async () => {
  const { api, startApi, asks, enqueue, onRecord } = await newInstallation();
  const run = await enqueue({});
  const follower = await startMillrace(["logs", run, "-f", "--json"], asks);
  const said = () => follower.output.split("\n").filter((line) => line.startsWith("{")).length;
  await until("it tells what is said", () => said() > 20);
  api.kill("SIGKILL");
  await api.exited;
  const back = await startApi();
  await follower.waitForLine(/^-- reconnected after \d+\.\d s, nothing missed --$/m);
  const before = said();
  await until("it goes on", () => said() > before + 20);
  back.kill("SIGTERM");
  await back.exited;
  await startApi();
  await until("it is back again", () => follower.output.split("-- reconnected").length === 3);
  expect(await millrace(["cancel", run], asks)).toMatchObject({ code: 0 });
  expect(await follower.exited).toMatchObject({ code: 11 });
  const lines = follower.output.split("\n").filter((line) => line.startsWith("{"));
  expect(seqsIn(`${lines.join("\n")}\n`)).toEqual(await onRecord(run));
});

test("a log is shown by level, attempt, time and text, and a failed run tells the last of it", async () => {
  const { asks, enqueue, onRecord } = await newInstallation();
  const run = await enqueue({ lines: 30, fails: true });
  const followed = await millrace(["logs", run, "--follow", "--level", "warn"], asks);
  expect(followed.code).toBe(10);
  expect(
    followed.stdout.match(/^\S+ \S+ WARN {2}try 1 {2}said \d+ \{"n":\d+\}\n {2}and more$/gm),
  ).toHaveLength(10);
  expect(followed.stdout).not.toContain("INFO");
  const show = async (...args: string[]) =>
    seqsIn((await millrace(["logs", run, "--json", ...args], asks)).stdout).length;
  expect(await show()).toBe((await onRecord(run)).length);
  expect(await show("--level", "warn")).toBe(10);
  expect(await show("--search", "SAID 1")).toBe(11);
  expect(await show("--attempt", "1", "--since", "1h")).toBe(30);
  expect(await show("--attempt", "2")).toBe(0);
  expect(await show("--since", "2100-01-01")).toBe(0);
  const { stdout } = await millrace(["run", "show", run], asks);
  expect(stdout).toContain(`the last of its log; the whole: millrace logs ${run}`);
  expect(stdout).toMatch(/said 29\b/);
  expect(stdout).not.toMatch(/said 19\b/);
});

test("to follow what is not there, or with words that mean nothing, says so", async () => {
  const { asks } = await newInstallation();
  const nothing = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";
  expect(await millrace(["logs", nothing, "-f"], asks)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("[run_not_found]"),
  });
  expect((await millrace(["logs", nothing, "-f", "--level", "loud"], asks)).code).toBe(2);
  expect(
    (await millrace(["logs", nothing, "-f"], { ...asks, MILLRACE_URL: "http://127.0.0.1:9" })).code,
  ).toBe(7);
});
