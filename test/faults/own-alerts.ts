/**
 * The second half of `npm run faults:alerts`: the 18 rules of Millrace's own, hurried, while things happen to a running Millrace on a PostgreSQL of its own:
 * a queue that nobody takes and one that grows, a job and a host that fail, a slow host, a scheduler and a worker that are killed, a transaction that stays
 * open, claims that wait for a lock, connections and transaction ids that run short, a key and a secret that are about to end. Each must fire within
 * its time, be over within its time when its cause is gone, and both be told to a webhook, Slack, PagerDuty and by mail. Answers what is not so.
 */
import { randomBytes } from "node:crypto";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ALERT_KIND_NAMES, type AlertKindName } from "@millrace/core";
import pg from "pg";
import type { Child } from "../support/child-process.ts";
import { freePort } from "../support/free-port.ts";
import { addressOf, launch } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { AlertReceivers } from "./harness/alert-receivers.ts";
import { HURRIED } from "./harness/own-alert-causes.ts";
import { PrivatePostgres } from "./harness/private-postgres.ts";

const KEY = "mr_the-key-of-the-alerting-server";

/** A look at the rules every 15 s, and what a busy machine takes. */
const SLACK_S = 15 + 30;

/** Somebody is told of a rule once in five minutes. */
const GROUP_S = 300;

const JOBS = ["--jobs", join(import.meta.dirname, "alert-jobs")];

interface Alert {
  rule: string;
  firedAt: string | null;
  resolvedAt: string | null;
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** @returns what was not as it should be */
export async function tryOwnAlerts(): Promise<string[]> {
  const faults: string[] = [];
  const database = await PrivatePostgres.create();
  const folder = mkdtempSync(join(tmpdir(), "millrace-own-alerts-"));
  const running: Child[] = [];
  const pool = new pg.Pool({ connectionString: database.url, max: 100 });
  pool.on("error", () => {});
  const host = createServer((_request, response) =>
    response.writeHead(hostFails ? 500 : 200).end(),
  );
  const slowHost = createServer((_request, response) => setTimeout(() => response.end(), 600));
  let hostFails = true;
  const secretsKey = randomBytes(32).toString("base64");
  let going = true;
  const background: Promise<void>[] = [];
  /** Something that goes on until it is told to end. */
  const meanwhile = (everyMs: number, work: () => Promise<unknown>): (() => void) => {
    let goesOn = true;
    const loop = async () => {
      while (goesOn && going) {
        await work();
        await pause(everyMs);
      }
    };
    background.push(loop());
    return () => void (goesOn = false);
  };

  async function begin(...args: string[]): Promise<Child> {
    const child = await launch(args, {
      DATABASE_URL: database.url,
      MILLRACE_HOME: join(folder, "home"),
      MILLRACE_API_KEY: KEY,
      MILLRACE_PROBE_PORT: String(await freePort()),
      MILLRACE_PORT: "0",
      MILLRACE_LEASE: "2s",
      MILLRACE_LOG_LEVEL: "warn",
      MILLRACE_ALLOWED_HOSTS: "127.0.0.1",
      MILLRACE_SECRET_KEYS: secretsKey,
    });
    running.push(child);
    return child;
  }

  try {
    await using receivers = await AlertReceivers.start();
    const [hostUrl, slowUrl] = [await listening(host), await listening(slowHost)];
    const api = await begin("api");
    const url = await addressOf(api);
    await begin("maintenance");
    let scheduler = await begin("scheduler");
    const worker = await begin("worker", ...JOBS, "--queues", "shop,calls");
    const slow = (slots: string) =>
      begin("worker", ...JOBS, "--queues", "slow", "--concurrency", slots);
    const victim = await slow("1");
    for (const child of [worker, victim]) await child.waitForLine(/^Working\./);

    const call = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${url}/api/v1/${path}`, {
        method,
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok || /"refused":[1-9]/.test(text)) throw new Error(`${method} ${path}: ${text}`);
      return text === "" ? undefined : JSON.parse(text);
    };
    const ask = (job: string, input: object, times: number) =>
      call("POST", "runs/bulk", { runs: Array.from({ length: times }, () => ({ job, input })) });
    const age = async () => {
      const { rows } = await pool.query<{ age: number }>(
        "select age(datfrozenxid)::int as age from pg_database where datname = current_database()",
      );
      return rows[0]!.age;
    };

    for (const [target, kind] of [
      ["slack", "slack"],
      ["pagerduty", "pagerduty"],
      ["mail", "email"],
    ] as const) {
      await call(
        "PUT",
        `alert-targets/${target}`,
        {
          slack: { kind, credential: receivers.urlOf("slack") },
          pagerduty: { kind, credential: receivers.routingKey, url: receivers.urlOf("pagerduty") },
          mail: {
            kind,
            server: receivers.urlOf("mail"),
            from: "mill@example.com",
            to: ["ops@example.com"],
          },
        }[target],
      );
    }
    await call("PUT", "webhooks/subscriptions/ops", {
      url: receivers.urlOf("webhook"),
      events: ["alert.firing", "alert.resolved"],
    });
    // More than all that goes on needs while this lasts.
    const threshold = (await age()) + 100_000;
    for (const rule of ALERT_KIND_NAMES) {
      const { change } = HURRIED[rule];
      await call("PUT", `alert-rules/${rule}`, {
        ...change,
        ...(rule === "wraparound" && { threshold }),
      });
    }

    const began = new Map<AlertKindName, number>();
    const ended = new Map<AlertKindName, number>();
    const causes = (rules: AlertKindName[], when = began) => {
      for (const rule of rules) when.set(rule, Date.now());
    };
    const alertsOf = async (rule: string): Promise<Alert[]> => {
      const states = ["open", "resolved"];
      const pages = await Promise.all(
        states.map((state) => call("GET", `alerts?rule=${rule}&state=${state}`)),
      );
      return pages.flatMap(({ alerts }: { alerts: Alert[] }) => alerts);
    };
    const line = (rule: string, what: string, seconds: number, within: number) => {
      const words = `${rule} ${what} after ${seconds.toFixed(1)} s, within ${within} s`;
      if (seconds > within) faults.push(words);
      console.log(`${seconds > within ? "FAULT: " : ""}${words}`);
    };
    const fires = async (rule: AlertKindName) => {
      const at = await until(
        `${rule} fires`,
        async () => (await alertsOf(rule)).find(({ firedAt }) => firedAt)?.firedAt,
        { deadlineMs: 400_000 },
      );
      const since = began.get(rule)!;
      line(
        rule,
        "fired",
        Math.max(0, (Date.parse(at) - since) / 1000),
        HURRIED[rule].firesWithin + SLACK_S,
      );
      const told = await until(
        `${rule} is told to all`,
        () => receivers.allToldAt(rule, "firing"),
        { deadlineMs: 400_000 },
      );
      line(rule, "was told to all four", (told - Date.parse(at)) / 1000, SLACK_S);
    };
    const ends = async (rule: AlertKindName) => {
      const at = await until(
        `${rule} is over`,
        async () => {
          const alerts = await alertsOf(rule);
          return (
            alerts.length > 0 &&
            alerts.every(({ resolvedAt }) => resolvedAt) &&
            alerts
              .map(({ resolvedAt }) => resolvedAt!)
              .toSorted()
              .at(-1)
          );
        },
        { deadlineMs: 400_000 },
      );
      line(
        rule,
        "was over",
        Math.max(0, (Date.parse(at) - ended.get(rule)!) / 1000),
        HURRIED[rule].endsWithin + SLACK_S,
      );
      const told = await until(
        `all are told that ${rule} is over`,
        () => receivers.allToldAt(rule, "resolved"),
        { deadlineMs: 600_000 },
      );
      line(rule, "was told to all four as over", (told - Date.parse(at)) / 1000, GROUP_S + SLACK_S);
    };

    // All at once; but the scheduler fires first what is to be late.
    const every = { every: "5s", grace: "2s" };
    await call("POST", "schedules", { name: "late", job: "orphan", ...every });
    await call("POST", "schedules", {
      name: "ticks",
      job: "broken",
      input: { fails: false },
      ...every,
    });
    causes([
      "schedule-late",
      "queue-without-workers",
      "key-expiry",
      "secret-expiry",
      "backlog-growing",
      "oldest-wait",
    ]);
    causes([
      "failure-rate",
      "overall-failure-rate",
      "dead-letters",
      "downstream-failures",
      "downstream-latency",
    ]);
    const key = await call("POST", "keys", { name: "ending", role: "viewer", expiresIn: "3d" });
    const expiresAt = new Date(Date.now() + 3 * 86_400_000).toISOString();
    await call("PUT", "secrets/ENDING", {
      value: "a value of the script",
      allJobs: true,
      anyHost: true,
      expiresAt,
    });
    await ask("orphan", {}, 5);
    const growth = meanwhile(500, () => ask("slow", {}, 20));
    const failing = meanwhile(500, () => ask("broken", { fails: true }, 3));
    const calling = meanwhile(500, () => ask("calls", { url: hostUrl }, 3));
    const slowly = meanwhile(500, () => ask("calls", { url: slowUrl }, 3));
    const locking = meanwhile(3000, async () => {
      const client = await pool.connect();
      await client.query(
        "begin; lock table millrace.ready in access exclusive mode; select pg_sleep(0.8); commit",
      );
      client.release();
    });
    causes(["claims-slow", "old-snapshot", "connections-short", "wraparound"]);
    const old = await pool.connect();
    await old.query("begin isolation level repeatable read; select 1");
    const many: pg.PoolClient[] = [];
    const crowding = meanwhile(1000, async () => {
      const { rows } = await pool.query<{ n: number }>(
        "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'",
      );
      for (let n = rows[0]!.n; n < 76; n++) many.push(await pool.connect());
    });
    const burning = await pool.connect();
    await burning.query("set synchronous_commit = off");
    await burning.query(
      "do $$ begin for n in 1..105000 loop perform pg_current_xact_id(); commit; end loop; end $$",
    );
    burning.release(true);
    await fires("schedule-late");
    scheduler.kill("SIGKILL");
    causes(["schedule-overdue"]);
    await fires("schedule-overdue");
    scheduler = await begin("scheduler");
    causes(["schedule-overdue"], ended);
    causes(["schedule-missed"]);
    const others = ALERT_KIND_NAMES.filter(
      (rule) => !["schedule-late", "schedule-overdue", "worker-lost"].includes(rule),
    );
    await Promise.all(others.map(fires));
    victim.kill("SIGKILL");
    causes(["worker-lost"]);
    await fires("worker-lost");

    // All of it is mended.
    for (const stop of [growth, failing, slowly, locking, crowding]) stop();
    hostFails = false;
    await old.query("rollback");
    old.release();
    for (const client of many) client.release(true);
    await pool.query("vacuum (freeze)");
    await begin("worker", ...JOBS, "--queues", "orphans");
    await slow("400");
    await call("DELETE", `keys/${key.id}`);
    await call("DELETE", "secrets/ENDING");
    for (const rule of ALERT_KIND_NAMES) if (!ended.has(rule)) ended.set(rule, Date.now());
    await Promise.all(ALERT_KIND_NAMES.map(ends));
    calling();
    faults.push(...receivers.strange.map((text) => `what nobody understands was told to ${text}`));
  } catch (error) {
    for (const { output } of running) console.log(output.slice(-2000));
    throw error;
  } finally {
    going = false;
    await Promise.allSettled(background);
    for (const child of running) await child[Symbol.asyncDispose]();
    for (const server of [host, slowHost]) {
      server.closeAllConnections();
      server.close();
    }
    await pool.end();
    await database.remove();
    rmSync(folder, { recursive: true, force: true });
  }
  return faults;
}
