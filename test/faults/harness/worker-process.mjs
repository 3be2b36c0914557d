/**
 * A worker in a process of its own, to be killed, stopped and starved. It runs from the built packages on plain Node.
 *
 * Environment: DATABASE_URL, LEDGER (a file; one line is appended at the start and at the end of every execution),
 * CONCURRENCY, LEASE_MS, DRAIN_MS, STATEMENT_MS, TRANSPORT (a URL). Writes `ready` to stdout when it works, its log to stderr; SIGTERM drains it.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { built } from "../../support/built.mjs";
import * as exported from "./jobs/fault.job.mjs";

const { JobRegistry } = await built("engine/job-registry");
const { openDatabase } = await built("store/database");
const { createLogger } = await built("telemetry/logger");
const { openTransport } = await built("transport/open-transport");
const { Worker } = await built("worker/worker");

const {
  DATABASE_URL,
  LEDGER,
  CONCURRENCY = "10",
  LEASE_MS = "2000",
  DRAIN_MS = "1000",
  STATEMENT_MS = "30000",
  TRANSPORT = "postgres",
} = process.env;

const jobs = Object.values(exported);
const FILE = fileURLToPath(new URL("./jobs/fault.job.mjs", import.meta.url));

const connection = () => ({ connectionString: DATABASE_URL });
const logger = createLogger("debug", { write: (line) => process.stderr.write(line) });
const db = openDatabase({
  connection,
  applicationName: `millrace worker ${process.pid}`,
  statementMs: Number(STATEMENT_MS),
});
const registry = new JobRegistry(
  jobs,
  [],
  new Map(jobs.filter(({ name }) => name !== "homeless").map(({ name }) => [name, FILE])),
);
await registry.register(db);
const transport = await openTransport({ url: TRANSPORT, db, connection, logger });
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
  publicUrl: () => "https://millrace.test",
  isolation: {
    cacheFolder: dirname(LEDGER),
    processes: 2,
    threads: 2,
    environment: { PATH: process.env.PATH, LEDGER },
    inlineEnvironment: { ...process.env },
  },
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
