import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { isAlive } from "../support/is-alive.ts";
import { addressOf, millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

// With the embedded PostgreSQL, as a newcomer starts it.

const JOBS = ["--jobs", join(import.meta.dirname, "jobs")];

const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

/** Of the embedded server. */
function databasePid(home: string): number {
  return Number(readFileSync(join(home, "postgres/pg18/postmaster.pid"), "utf8").split("\n")[0]);
}

test("a first start says what it did, serves, refuses a second one, and leaves nobody behind", async () => {
  const home = newHome();
  const env = { MILLRACE_HOME: home, MILLRACE_PORT: "0" };
  const server = await startMillrace(["start", ...JOBS], env);
  const address = await addressOf(server);

  expect(server.output).toMatch(/^Millrace \d+\.\d+\.\d+$/m);
  expect(server.output).toMatch(/^ {2}database +embedded PostgreSQL 18\.\S+, created in /m);
  expect(server.output).toMatch(/^ {2}schema +\d+ migrations? applied$/m);
  expect(server.output).toMatch(
    /^ {2}jobs +bomb, doubtful, echo, hostile, per-tenant, show, talks \(queue default\)$/m,
  );
  expect(server.output).toMatch(/^ {2}jobs +nap \(queue naps\)$/m);
  expect(server.output).toMatch(/^ {2}API key +\S+api-key$/m);
  expect(server.output).toMatch(
    /^Ready\. Try: npx millrace run (bomb|doubtful|hostile|show) --wait$/m,
  );
  // Not before its worker has looked for runs once.
  await until("it is well", async () => (await fetch(`${address}/readyz`)).status === 200);

  expect(modeOf(join(home, "api-key"))).toBe("600");
  expect(modeOf(join(home, "postgres"))).toBe("700");
  expect(modeOf(home)).toBe(process.getuid?.() === 0 ? "711" : "700");
  const key = readFileSync(join(home, "api-key"), "utf8").trim();
  expect(server.output).not.toContain(key);

  const second = await millrace(["start", ...JOBS], env);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(
    `Millrace already runs on this data (process ${server.pid}, ${address})`,
  );
  expect(second.stderr).toContain("[already_running]");

  const database = databasePid(home);
  server.kill("SIGINT");
  // As from npm, which hands on what the terminal has already sent to us.
  server.kill("SIGINT");
  expect(await server.exited).toEqual({ code: 0, signal: null });
  expect(server.output).toMatch(/^Stopped\.$/m);
  expect(isAlive(database)).toBe(false);
});

test("after kill -9, what was accepted is still done by the next start", async () => {
  const home = newHome();
  const env = { MILLRACE_HOME: home, MILLRACE_PORT: "0", MILLRACE_LEASE: "2s" };
  const first = await startMillrace(["start", ...JOBS], env);
  const client = { MILLRACE_HOME: home, MILLRACE_URL: await addressOf(first) };
  const begun = await millrace(["run", "nap", "--input", '{"ms":60000}', "--json"], client);
  expect(begun).toMatchObject({ code: 0 });
  const waiting = await millrace(["run", "echo", "-i", '{"text":"x"}', "--delay", "1s"], client);
  expect(waiting).toMatchObject({ code: 0 });
  first.kill("SIGKILL");
  await first.exited;

  const next = await startMillrace(["start", ...JOBS], env);
  const url = await addressOf(next);
  expect(next.output).toMatch(/embedded PostgreSQL 18\.\S+, (adopted|started) in /);
  const states = await until(
    "the first run is taken back, and the other done",
    async () => {
      const list = await millrace(["runs", "--json"], { ...client, MILLRACE_URL: url });
      const runs = list.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const state = (job: string) => runs.find((run) => run.job === job);
      const nap = state("nap");
      return nap?.losses >= 1 && nap.state === "running" && state("echo").state === "completed";
    },
    { deadlineMs: 40_000 },
  );
  expect(states).toBe(true);

  next.kill("SIGTERM");
  await next.waitForLine(/^Stopping: finishing 1 run \(again to stop now\)…$/);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  // Nobody is to kill it over that.
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  // Another signal is another wish, however soon it comes.
  next.kill("SIGINT");
  await next.waitForLine(/^Stopping now: handing back 1 run…$/);
  expect(await next.exited).toEqual({ code: 130, signal: null });
});

test("a port that is taken is named, and nothing is left running", async () => {
  const home = newHome();
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  onTestFinished(() => void other.close());
  await until("the other program listens", () => other.listening);
  const answer = await millrace(["start", ...JOBS, "--port", String(port)], {
    MILLRACE_HOME: home,
  });
  expect(answer.code).toBe(1);
  expect(answer.stderr).toContain(
    `127.0.0.1:${port} is taken by another program; stop it, or set MILLRACE_PORT to a free port`,
  );
  expect(() => databasePid(home)).toThrow("ENOENT");
});

test("a start that is interrupted undoes what it began", async () => {
  const home = newHome();
  const server = await startMillrace(["start", ...JOBS], {
    MILLRACE_HOME: home,
    MILLRACE_PORT: "0",
  });
  await server.waitForLine(/Creating a PostgreSQL/);
  server.kill("SIGINT");
  expect(await server.exited).toEqual({ code: 130, signal: null });
  expect(server.output).not.toMatch(/^Ready/m);
  expect(() => databasePid(home)).toThrow("ENOENT");
});

test("wrong settings stop a start before it does anything, all at once", async () => {
  const home = newHome();
  const answer = await millrace(["start", ...JOBS, "--concurrency", "0"], {
    MILLRACE_HOME: home,
    MILLRACE_PORT: "http",
    MILLRACE_PROT: "1",
  });
  expect(answer.code).toBe(2);
  expect(answer.stdout).toBe("");
  expect(answer.stderr).toContain("MILLRACE_PROT is not a setting");
  expect(answer.stderr).toContain("MILLRACE_PORT: write a whole number from 0 to 65535");
  expect(answer.stderr).toContain("--concurrency: write a whole number from 1 to 10000");
  expect(() => statSync(home)).toThrow("ENOENT");
});
