/**
 * `npm run faults:alerts`: the alert rules as they ship, but sixty times as fast, in a real Prometheus and Alertmanager that watch an API, a
 * maintenance process and two workers, to which things happen: nobody takes a queue, a backlog grows, a job fails, a worker is killed.
 * Each alert must be told within its time and half a minute, and be taken back when its cause is gone. Then the same of Millrace's own rules
 * (own-alerts.ts). Exit code 1 when that is not so.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "../support/child-process.ts";
import { freePort } from "../support/free-port.ts";
import { addressOf, launch } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { AlertWatch } from "./harness/alert-watch.ts";
import { patienceOf } from "./harness/hurried-rules.ts";
import { numbersAsked, scriptDatabase } from "./harness/script.ts";
import { tryOwnAlerts } from "./own-alerts.ts";

const KEY = "mr_the-key-of-the-watched-server";

/** What scraping, evaluating and telling may take besides. */
const SLACK_MS = 30_000;

const JOBS = ["--jobs", join(import.meta.dirname, "alert-jobs")];

async function main(): Promise<number> {
  numbersAsked({});
  const database = await scriptDatabase();
  const folder = mkdtempSync(join(tmpdir(), "millrace-alerts-"));
  const running: Child[] = [];
  const faults: string[] = [];
  let growing = false;

  async function begin(port: number, ...args: string[]): Promise<Child> {
    const child = await launch(args, {
      DATABASE_URL: database.url,
      MILLRACE_HOME: join(folder, "home"),
      MILLRACE_API_KEY: KEY,
      MILLRACE_PROBE_PORT: String(port),
      MILLRACE_PORT: "0",
      MILLRACE_LEASE: "2s",
      MILLRACE_LOG_LEVEL: "warn",
    });
    running.push(child);
    return child;
  }

  try {
    const ports = await Promise.all(Array.from({ length: 4 }, freePort));
    const [apiPort, maintenancePort, shopPort, slowPort] = ports as [
      number,
      number,
      number,
      number,
    ];
    const api = await begin(apiPort, "api");
    await begin(maintenancePort, "maintenance");
    const shop = () => begin(shopPort, "worker", ...JOBS, "--queues", "shop");
    const slow = (slots: string) =>
      begin(slowPort, "worker", ...JOBS, "--queues", "slow", "--concurrency", slots);
    const workers = { shop: await shop(), slow: await slow("4") };
    const url = await addressOf(api);
    for (const worker of Object.values(workers)) await worker.waitForLine(/^Working\./);
    await using watch = await AlertWatch.start(folder, ports);
    const call = async (path: string, body: object) => {
      const answer = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      if (!answer.ok || /"refused":[1-9]/.test(text)) throw new Error(`${path}: ${text}`);
    };
    const ask = (job: string, input: object, times: number) =>
      call("/api/v1/runs/bulk", { runs: Array.from({ length: times }, () => ({ job, input })) });

    const judge = async (status: "firing" | "resolved", alert: string, withinMs: number) => {
      const ms = await watch.until(status, alert);
      const late = ms > withinMs;
      const line = `${alert} was ${status === "firing" ? "told" : "taken back"} after ${(ms / 1000).toFixed(1)} s, within ${withinMs / 1000} s`;
      console.log(`${late ? "FAULT: " : ""}${line}`);
      if (late) faults.push(line);
    };
    const fires = (alert: string, growsMs = 0) =>
      judge("firing", alert, patienceOf(alert) + growsMs + SLACK_MS);
    const ends = (alert: string) => judge("resolved", alert, SLACK_MS);

    // A job fails, and nobody handles what has given up; nobody takes from a queue; another grows.
    growing = true;
    const growth = (async () => {
      while (growing) {
        await Promise.all([ask("slow", {}, 20), ask("broken", { fails: true }, 3)]);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    })();
    await ask("orphan", {}, 5);
    await Promise.all([
      fires("MillraceFailureRate"),
      fires("MillraceDeadLetters"),
      fires("MillraceQueueWithoutWorkers"),
      fires("MillraceQueueWaits", 10_000),
      fires("MillraceBacklogGrowing", 20_000),
    ]);

    // All of it is mended.
    growing = false;
    await growth;
    workers.slow.kill("SIGKILL");
    await workers.slow.exited;
    await Promise.all([fires("MillraceWorkerLost"), fires("MillraceProcessDown")]);
    workers.slow = await slow("400");
    await begin(await freePort(), "worker", ...JOBS, "--queues", "orphans");
    await call("/api/v1/operations", { kind: "dismiss", filter: {}, note: "known" });
    await until("the shop works again", () => ask("broken", { fails: false }, 30).then(() => true));
    for (const alert of [
      "MillraceProcessDown",
      "MillraceQueueWithoutWorkers",
      "MillraceDeadLetters",
      "MillraceFailureRate",
      "MillraceBacklogGrowing",
      "MillraceQueueWaits",
      "MillraceWorkerLost",
    ]) {
      await ends(alert);
    }
    for (const { labels, annotations } of watch.notices) {
      const said = Object.values(annotations).join(" ");
      if (/<no value>|%!/.test(said)) faults.push(`${labels["alertname"]} says ${said}`);
    }
    const known = new Map(
      watch.notices.map(({ labels, annotations }) => [labels["alertname"], annotations["summary"]]),
    );
    for (const [alert, summary] of known) console.log(`${alert}: ${summary}`);
  } catch (error) {
    for (const { output } of running) console.log(output.slice(-2000));
    throw error;
  } finally {
    growing = false;
    for (const child of running) await child[Symbol.asyncDispose]();
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
  faults.push(...(await tryOwnAlerts()));
  for (const fault of faults) console.log(`FAULT: ${fault}`);
  console.log(`faults ${faults.length}`);
  return faults.length > 0 ? 1 : 0;
}

process.exitCode = await main();
