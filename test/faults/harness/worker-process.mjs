/**
 * A worker in a process of its own, to be killed, stopped and starved. It runs from the built packages on plain Node.
 *
 * Environment: DATABASE_URL, LEDGER (a file; one line is appended at the start and at the end of every execution),
 * CONCURRENCY, LEASE_MS, DRAIN_MS, STATEMENT_MS. Writes `ready` to stdout when it works, its log to stderr; SIGTERM drains it.
 */
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import pg from "pg";
import { JobRegistry, PostgresTransport, Worker, createLogger, openDatabase } from "millrace";
import { z } from "zod";

const {
  DATABASE_URL,
  LEDGER,
  CONCURRENCY = "10",
  LEASE_MS = "2000",
  DRAIN_MS = "1000",
  STATEMENT_MS = "30000",
} = process.env;

/** Opened for appending: lines of many processes do not tear each other, and what is written survives a kill. */
const ledger = openSync(LEDGER, "a", 0o600);

/** `at` is CLOCK_MONOTONIC, the same in all processes of a machine. */
function note(event, { runId, attempt }) {
  const at = Number(process.hrtime.bigint() / 1000n) / 1000;
  writeSync(ledger, `${JSON.stringify({ at, event, pid: process.pid, run: runId, attempt })}\n`);
}

/** A job whose executions are in the ledger. */
function job(name, run, options = {}) {
  return defineJob({
    name,
    input: z.object({ ms: z.number().default(0) }),
    retry: { maxAttempts: 3, firstDelay: "20ms", maxDelay: "100ms" },
    ...options,
    run: async (input, ctx) => {
      note("start", ctx);
      ctx.signal.addEventListener("abort", () => note(`abort ${ctx.signal.reason.why}`, ctx));
      const output = await run(input, ctx);
      note("end", ctx);
      return output;
    },
  });
}

function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const jobs = [
  job("quick", (_input, { attempt }) => ({ attempt })),
  job("slow", async ({ ms }, ctx) => {
    await pause(ms, undefined, { signal: ctx.signal });
    return { attempt: ctx.attempt };
  }),
  job("talkative", async ({ ms }, ctx) => {
    ctx.log.info("before");
    ctx.progress(1, 2, `attempt ${ctx.attempt}`);
    await pause(ms);
    ctx.log.info("after", { pid: process.pid });
    ctx.progress(2, 2, `attempt ${ctx.attempt}`);
    return { pid: process.pid };
  }),
  job("blocking", ({ ms }, { attempt }) => {
    block(ms);
    return { attempt };
  }),
  // Quick when it is tried again: its point is how the first attempt ends.
  job("ignores-signal", async ({ ms }, { attempt }) => {
    await pause(attempt === 1 ? ms : 0);
    return { attempt };
  }),
  // Its effect is a row of the table `effect`, written together with its outcome. It waits where `at` says, once.
  job(
    "paying",
    async ({ at }, ctx) => {
      const tx = new pg.Client({ connectionString: DATABASE_URL });
      await tx.connect();
      const point = async (name) => {
        note(name, ctx);
        if (name === at && ctx.attempt === 1) await new Promise(() => {});
      };
      await tx.query("begin");
      await tx.query("insert into effect values ($1, $2)", [ctx.runId, ctx.attempt]);
      await point("written");
      await ctx.completeIn(tx, { attempt: ctx.attempt });
      await point("completed");
      await tx.query("commit");
      await point("committed");
      await tx.end();
      return { attempt: ctx.attempt };
    },
    { input: z.object({ at: z.string().default("nowhere") }) },
  ),
  job("failing", () => {
    throw new Error("it always fails");
  }),
];

const connection = () => ({ connectionString: DATABASE_URL });
const logger = createLogger("debug", { write: (line) => process.stderr.write(line) });
const db = openDatabase({
  connection,
  applicationName: `millrace worker ${process.pid}`,
  statementMs: Number(STATEMENT_MS),
});
const registry = new JobRegistry(jobs);
await registry.register(db);
const transport = new PostgresTransport({ db, connection, logger });
const worker = new Worker({
  db,
  connection,
  registry,
  transport,
  logger,
  concurrency: Number(CONCURRENCY),
  leaseMs: Number(LEASE_MS),
  drainMs: Number(DRAIN_MS),
  version: "fault test",
});
await worker.start();

async function drain() {
  await worker.stop();
  await transport.close();
  await db.end();
  process.exit(0);
}
process.once("SIGTERM", () => void drain());
console.log("ready");
