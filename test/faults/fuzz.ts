/**
 * `npm run faults:fuzz -- --requests 50000 --connections 16 --seed 1`: requests that the server's own OpenAPI document makes up, as it says
 * and as it does not, to a server with a worker. Exit code 1, with the request and the seed, for an answer that the document does not have
 * (a 5xx but 503 is none), for one that takes longer than 5 s, for memory that grows, and when runs are not executed any more.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOf, launch } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { fuzz } from "./harness/fuzz/fuzzer.ts";
import { numbersAsked, scriptDatabase } from "./harness/script.ts";

const KEY = "mr_the-key-of-the-fuzzed-server";

/** From when all code has been used until the end. */
const MAX_GROWTH_MB = 100;

async function main(): Promise<number> {
  const asked = numbersAsked({
    requests: 50_000,
    connections: 16,
    seed: 1 + (Date.now() % 1_000_000),
  });
  console.log(`seed ${asked.seed}`);
  const database = await scriptDatabase();
  const home = mkdtempSync(join(tmpdir(), "millrace-fuzz-"));
  const jobs = join(import.meta.dirname, "../load/jobs");
  const server = await launch(["start", "--jobs", jobs, "--port", "0"], {
    DATABASE_URL: database.url,
    MILLRACE_HOME: home,
    MILLRACE_API_KEY: KEY,
    MILLRACE_API_RATE: "0",
    MILLRACE_LOG_LEVEL: "error",
  });
  try {
    const url = await addressOf(server);
    const begun = performance.now();
    const warm = Math.floor(asked.requests / 5);
    const memory: number[] = [];
    const { statuses, slowestMs, faults } = await fuzz({
      ...asked,
      url,
      key: KEY,
      onPortion: (done) => {
        if (done >= warm) memory.push(residentMb(server.pid));
        if (done % 5000 === 0) console.log(`${done} requests, ${residentMb(server.pid)} MB`);
      },
    });
    const seconds = (performance.now() - begun) / 1000;
    const growth = (memory.at(-1) ?? 0) - (memory[0] ?? 0);
    if (growth > MAX_GROWTH_MB) faults.push(`the server has grown by ${growth} MB`);
    if (faults.length === 0 && !(await stillWorks(url))) faults.push("runs are not executed");
    const counts = [...statuses]
      .toSorted(([a], [b]) => a - b)
      .map(([status, n]) => `${status}: ${n}`);
    console.log(`answers      ${counts.join(", ")}
time         ${seconds.toFixed(1)} s, the slowest answer ${slowestMs.toFixed(0)} ms
memory       ${memory[0]} MB after a fifth, ${memory.at(-1)} MB at the end`);
    for (const fault of faults.slice(0, 10)) console.log(`FAULT: ${fault}`);
    return faults.length > 0 ? 1 : 0;
  } finally {
    await server[Symbol.asyncDispose]();
    await database.close();
    rmSync(home, { recursive: true, force: true });
  }
}

function residentMb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Math.round(Number(kb) / 1024);
}

/** Whether a run is executed, when what the requests have paused and limited is taken back. */
async function stillWorks(url: string): Promise<boolean> {
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await answer.json()) as Record<string, unknown>;
  };
  const { pauses } = (await call("GET", "/api/v1/pauses")) as {
    pauses: { queue: string | null; job: string | null; key: string | null }[];
  };
  for (const { queue, job, key } of pauses) {
    const what = queue === null ? `jobs/${encodeURIComponent(job!)}` : `queues/${queue}`;
    await call("POST", `/api/v1/${what}/resume`, key === null ? {} : { key });
  }
  await call("PUT", "/api/v1/queues/default/limits", { concurrency: null, rate: null });
  const { id } = await call("POST", "/api/v1/runs", { job: "noop", priority: 100 });
  const done = until(
    "a run is executed",
    async () => (await call("GET", `/api/v1/runs/${String(id)}`))["state"] === "completed",
    { deadlineMs: 30_000 },
  );
  return done.then(
    () => true,
    () => false,
  );
}

process.exitCode = await main();
