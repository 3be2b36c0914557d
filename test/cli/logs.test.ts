import { join } from "node:path";
import pg from "pg";
import { expect, onTestFailed, onTestFinished, test } from "vitest";
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
  const startWorker = async () => {
    const args = ["worker", "--jobs", join(import.meta.dirname, "jobs")];
    const worker = await startMillrace(args, env);
    await worker.waitForLine(/^Working\. /m);
    return worker;
  };
  const worker = await startWorker();
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
  return { api, startApi, worker, startWorker, asks, enqueue, onRecord, database, client };
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

test("whoever follows many runs misses no line and gets none twice when server and worker are killed, and the database is cut off", async () => {
  const mill = await newInstallation();
  const { asks, enqueue, client } = mill;
  await enqueue({});
  const args = ["logs", "-f", "job:talks level:>=warn", "--json", "--lines", "1"];
  const follower = await startMillrace(args, asks);
  const told = () =>
    follower.output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as { run: string; seq: number; job: string; level: string });
  let stage = "";
  onTestFailed(() => {
    console.error(`after "${stage}", ${told().length} lines: ${follower.output.slice(-1000)}`);
  });
  const goesOn = async (what: string) => {
    stage = what;
    const before = told().length;
    await until(what, () => told().length > before + 10);
  };
  await goesOn("it tells what is said");
  mill.api.kill("SIGKILL");
  await mill.api.exited;
  await mill.startApi();
  await follower.waitForLine(/^-- reconnected after \d+\.\d s, nothing missed --$/m);
  await goesOn("it goes on with another server");

  mill.worker.kill("SIGKILL");
  await mill.worker.exited;
  await mill.startWorker();
  const second = await enqueue({});
  await goesOn("it tells what another worker's run says");

  const url = new URL(mill.database.url);
  const name = url.pathname.slice(1);
  const { rows: own } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  url.pathname = "/postgres";
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  onTestFinished(() => admin.end());
  await admin.query(`alter database ${name} allow_connections false`);
  await admin.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> $2",
    [name, own[0]!.pid],
  );
  await until("the server has noticed", async () => {
    const answer = await fetch(`${asks.MILLRACE_URL}/readyz`, {
      signal: AbortSignal.timeout(10_000),
    });
    return answer.status === 503;
  });
  await admin.query(`alter database ${name} allow_connections true`);
  await goesOn("it goes on when the database is back");

  expect(await millrace(["cancel", second], asks)).toMatchObject({ code: 0 });
  await until("it has ended", async () => {
    const { rows } = await client.query<{ ended: boolean }>(
      "select state is not null as ended from millrace.run where id = $1",
      [second],
    );
    return rows[0]!.ended;
  });
  const first = told()[0]!;
  const { rows: onRecord } = await client.query<{ key: string }>(
    `select l.run_id || ' ' || l.seq as key from millrace.log l
     where l.level in ('warn', 'error') and (l.run_id, l.seq) >= ($1, $2) order by 1`,
    [first.run, first.seq],
  );
  const keys = () => told().map(({ run, seq }) => `${run} ${seq}`);
  await until("all is told", () => keys().length >= onRecord.length);
  expect(keys().toSorted()).toEqual(onRecord.map(({ key }) => key));
  expect(new Set(told().map(({ level }) => level))).toEqual(new Set(["warn"]));
  for (const run of new Set(told().map((line) => line.run))) {
    const seqs = told().flatMap((line) => (line.run === run ? [line.seq] : []));
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  }
  expect(follower.output).not.toContain("missing");
  follower.kill("SIGINT");
  expect(await follower.exited).toMatchObject({ code: 130 });
  // Longer than each wait has, so that the one that is in vain is named.
}, 240_000);

test("the last lines of many runs are shown, and options that are of one run alone are refused", async () => {
  const { asks, enqueue } = await newInstallation();
  const runs = [await enqueue({ lines: 12 }), await enqueue({ lines: 30, fails: true })];
  for (const run of runs) await millrace(["logs", run, "-f"], asks);
  const { stdout } = await millrace(["logs", "job:talks level:warn", "-n", "3"], asks);
  expect(
    stdout.match(/^\S+ \S+ WARN {2}talks [0-9a-f-]{36} {2}try 1 {2}said \d+ .*\n {2}and more$/gm),
  ).toHaveLength(3);
  expect(stdout).toContain(runs[1]);
  const count = async (...args: string[]) =>
    (await millrace(["logs", "--json", ...args], asks)).stdout.split("\n").length - 1;
  expect(await count("-n", "1000")).toBe(42);
  expect(await count()).toBe(42);
  for (const nothing of [["job:nobodys"], [runs[0]!, "--search", "nobody says so"]]) {
    const answer = await millrace(["logs", ...nothing], asks);
    expect(answer).toMatchObject({ code: 0, stdout: "", stderr: "No lines.\n" });
  }
  expect(await count("status:failed", "--level", "warn")).toBe(10);
  expect(await count('"SAID 29"')).toBe(1);
  expect(await count("--search", "said 29")).toBe(1);
  expect(await count("job:other")).toBe(0);
  const refused = async (...args: string[]) => {
    const { code, stderr } = await millrace(["logs", ...args], asks);
    return [code, stderr];
  };
  expect(await refused("job:talks", "--attempt", "1")).toEqual([
    2,
    expect.stringContaining("--attempt chooses lines of one run"),
  ]);
  expect(await refused(runs[0]!, "-n", "3")).toEqual([
    2,
    expect.stringContaining("--lines is for the logs of many runs"),
  ]);
  expect(await refused("level:wran")).toEqual([2, expect.stringContaining("did you mean warn?")]);
  expect(await refused(runs[0]!.slice(0, 30))).toEqual([
    2,
    expect.stringContaining("is not the whole id of a run"),
  ]);
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
