import { randomBytes } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import type { Child } from "../support/child-process.ts";
import { createDatabase } from "../support/database.ts";
import { millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

// Each role as a process of its own, on a database that they share.

const JOBS = ["--jobs", join(import.meta.dirname, "jobs")];
const KEY = "mr_a-key-for-the-roles-test";

type Env = Record<string, string>;

async function newInstallation() {
  const database = await createDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.drop();
  });
  const query = async (sql: string) => (await client.query(sql)).rows as Record<string, string>[];
  const env: Env = {
    DATABASE_URL: database.url,
    MILLRACE_HOME: newHome(),
    MILLRACE_API_KEY: KEY,
    MILLRACE_PORT: "0",
    MILLRACE_PROBE_PORT: "0",
    MILLRACE_LEASE: "2s",
  };
  return { query, env };
}

/** For each role a login that may do what it must, and no more. */
async function logins({ env, query }: Awaited<ReturnType<typeof newInstallation>>) {
  expect(await millrace(["roles", "--apply"], env)).toMatchObject({ code: 0 });
  const suffix = randomBytes(4).toString("hex");
  const made: Record<string, Env> = {};
  for (const role of ["api", "scheduler", "worker", "maintenance"]) {
    const login = `millrace_test_${role}_${suffix}`;
    await query(`create role ${login} login password '${login}' in role millrace_${role}`);
    onTestFinished(async () => void (await query(`drop role ${login}`)));
    const url = new URL(env["DATABASE_URL"]!);
    url.username = login;
    url.password = login;
    made[role] = { ...env, DATABASE_URL: url.href };
  }
  return (role: string) => made[role]!;
}

async function startRole(role: string, env: Env): Promise<{ process: Child; probes: string }> {
  const process = await startMillrace(role === "worker" ? [role, ...JOBS] : [role], env);
  await process.waitForLine(/^(Ready|Working)\. /m);
  const [, probes] = await process.waitForLine(/probes +(http:\S+)\/healthz/);
  return { process, probes: probes! };
}

async function clientOf({ process }: { process: Child }): Promise<Env> {
  const [, url] = await process.waitForLine(/address +(http:\S+),/);
  return { MILLRACE_URL: url!, MILLRACE_API_KEY: KEY };
}

/** What a process says of itself, without a key. */
async function checksOf(probes: string) {
  const answer = await fetch(`${probes}/healthz`);
  const { checks } = (await answer.json()) as { checks: Record<string, string> };
  return { status: answer.status, checks };
}

async function metricsOf(probes: string): Promise<string> {
  return (await fetch(`${probes}/metrics`)).text();
}

async function enqueue(client: Env, job: string, ...options: string[]): Promise<string> {
  const answer = await millrace(["run", job, "--json", ...options], client);
  expect(answer).toMatchObject({ code: 0 });
  return JSON.parse(answer.stdout.split("\n")[0]!).id;
}

test("S16: each role does its part alone, with a login for that alone: accept, move what is due, execute, take back", async () => {
  const installation = await newInstallation();
  const { query } = installation;
  const envOf = await logins(installation);
  const stateOf = async (id: string) => {
    const [row] = await query(`select millrace.state_of(id, state) as state from millrace.run
      where id = '${id}'`);
    return row!.state;
  };

  // A worker has told the database which jobs there are, and is gone.
  const first = await startRole("worker", envOf("worker"));
  first.process.kill("SIGTERM");
  expect(await first.process.exited).toEqual({ code: 0, signal: null });

  const api = await startRole("api", envOf("api"));
  expect(await checksOf(api.probes)).toEqual({
    status: 200,
    checks: { database: "ok", transport: "ok", record: "ok", intake: "ok" },
  });
  const client = await clientOf(api);
  const refused = await millrace(["run", "nap", "--input", '{"ms":"long"}'], client);
  expect(refused).toMatchObject({ code: 2 });
  const later = await enqueue(client, "echo", "--input", '{"text":"later"}', "--delay", "3s");
  const due = "select from millrace.timer where due_at < clock_timestamp()";
  await until("it is due", async () => (await query(due)).length === 1);
  expect(await stateOf(later)).toBe("scheduled");

  const scheduler = await startRole("scheduler", envOf("scheduler"));
  expect(await checksOf(scheduler.probes)).toEqual({
    status: 200,
    checks: { database: "ok", transport: "ok", record: "ok", scheduler: "ok" },
  });
  await until("it may start", async () => (await stateOf(later)) === "queued");

  const doomed = await startRole("worker", envOf("worker"));
  await until("it was executed", async () => (await stateOf(later)) === "completed");
  await until("it is counted", async () =>
    /^millrace_attempts_total\{job_name="echo",outcome="completed"\} 1$/m.test(
      await metricsOf(doomed.probes),
    ),
  );
  const dead = await enqueue(client, "hostile");
  const doubtful = await enqueue(client, "doubtful");
  const limited = await enqueue(client, "per-tenant", "--input", '{"tenant":"a"}');
  await until("it is a dead letter", async () => (await stateOf(dead)) === "failed");
  await until("it has passed its limits", async () => (await stateOf(limited)) === "completed");
  await until("its effect is in doubt", async () => (await stateOf(doubtful)) === "waiting");
  const ask = async (method: string, path: string, json?: unknown) => {
    const answer = await fetch(`${client["MILLRACE_URL"]}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    expect(answer.status, `${method} ${path}`).toBeLessThan(300);
  };
  await ask("POST", "schedules", { name: "tick", job: "show", every: "1s" });
  const shown = "select from millrace.run where schedule = 'tick' and state = 'completed'";
  await until("its schedule has fired", async () => (await query(shown)).length > 0);
  await ask("DELETE", "schedules/tick");
  await ask("POST", `runs/${doubtful}/cancel`, {});
  await until("it was cancelled", async () => (await stateOf(doubtful)) === "cancelled");

  const nap = await enqueue(client, "nap", "--input", '{"ms":60000}');
  await until("it runs", async () => (await stateOf(nap)) === "running");
  doomed.process.kill("SIGKILL");
  await doomed.process.exited;

  const maintenance = await startRole("maintenance", envOf("maintenance"));
  expect(await checksOf(maintenance.probes)).toEqual({
    status: 200,
    checks: { database: "ok", transport: "ok", record: "ok", maintenance: "ok" },
  });
  await until("it was taken back", async () => (await stateOf(nap)) === "queued");
  expect(await metricsOf(maintenance.probes)).toMatch(/^millrace_database_health_up 1$/m);
  await ask("POST", "operations", { kind: "rerun", filter: { job: "hostile" } });
  const rerun = "select from millrace.dead_letter where handled_at is not null";
  await until("its dead letter was run again", async () => (await query(rerun)).length > 0);
  expect(await millrace(["prune"], envOf("maintenance"))).toMatchObject({ code: 0 });

  for (const { process } of [first, doomed])
    expect(process.output).not.toMatch(/permission denied/);
  for (const { process } of [api, scheduler, maintenance]) {
    expect(process.output).not.toMatch(/permission denied/);
    process.kill("SIGTERM");
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect(process.output).toMatch(/^Stopped\.$/m);
  }
}, 240_000);

test("two of each side by side do what one start does, and each run once", async () => {
  const { env, query } = await newInstallation();
  await millrace(["migrate"], env);
  const workers = [await startRole("worker", env), await startRole("worker", env)];
  const others = await Promise.all(
    ["api", "api", "scheduler", "scheduler", "maintenance", "maintenance"].map((role) =>
      startRole(role, env),
    ),
  );
  const clients = [await clientOf(others[0]!), await clientOf(others[1]!)];
  for (const [index, client] of clients.entries()) {
    const now = ["--input", `{"text":"${index}"}`];
    await enqueue(client, "echo", ...now);
    await enqueue(client, "echo", ...now, "--delay", "100ms");
  }
  await query(`select millrace.enqueue('echo', '{"text":"sql"}') from generate_series(1, 50)`);
  const counted = `select count(*) filter (where state = 'completed')::int as completed,
    count(*)::int as runs, sum(attempts)::int as attempts from millrace.run`;
  await until("all are done", async () => {
    return (await query(counted))[0]!.completed === (54 as unknown);
  });
  expect(await query(counted)).toEqual([{ completed: 54, runs: 54, attempts: 54 }]);
  for (const { process } of [...workers, ...others]) {
    process.kill("SIGTERM");
    expect(await process.exited).toEqual({ code: 0, signal: null });
  }
}, 240_000);

test("the probe port is closed unless it is opened, needs no key, and shows two pages", async () => {
  const { env } = await newInstallation();
  await millrace(["migrate"], env);
  const { MILLRACE_PROBE_PORT: _, ...closed } = env;
  const quiet = await startMillrace(["scheduler"], closed);
  await quiet.waitForLine(/^Ready\./);
  expect(quiet.output).not.toContain("probes");

  const { probes } = await startRole("api", env);
  expect(probes).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await metricsOf(probes)).toMatch(/^millrace_database_up 1$/m);
  for (const path of ["/", "/api/v1/runs", "/healthz/", "//healthz"]) {
    expect((await fetch(probes + path)).status).toBe(404);
  }
  expect((await fetch(`${probes}/healthz`, { method: "POST" })).status).toBe(405);
  const taken = { ...env, MILLRACE_PROBE_PORT: new URL(probes).port };
  const second = await millrace(["maintenance"], taken);
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(/is taken .*MILLRACE_PROBE_PORT to a free port/);
});

test("a role refuses an empty database, and names the command that prepares it", async () => {
  const { env, query } = await newInstallation();
  await query("drop schema if exists millrace cascade");
  for (const role of ["api", "scheduler", "maintenance"]) {
    const answer = await millrace([role], env);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toMatch(
      new RegExp(`run millrace migrate, then start the ${role} again .*migrations_pending`),
    );
  }
});
