/**
 * Reaper and dispatcher in a process of their own, to be held and stopped. It runs from the built packages on plain Node.
 *
 * Environment: DATABASE_URL, SWEEP_MS. Writes `ready` to stdout when it works, its log to stderr.
 */
import { built } from "../../support/built.mjs";

const { Reaper } = await built("maintenance/reaper");
const { Dispatcher } = await built("scheduler/dispatcher");
const { openDatabase } = await built("store/database");
const { createLogger } = await built("telemetry/logger");
const { Bell } = await built("transport/bell");
const { PostgresTransport } = await built("transport/postgres/postgres-transport");

const { DATABASE_URL, SWEEP_MS } = process.env;

const connection = () => ({ connectionString: DATABASE_URL });
const logger = createLogger("debug", { write: (line) => process.stderr.write(line) });
const db = openDatabase({ connection, applicationName: "millrace maintenance" });
const bell = new Bell(new PostgresTransport({ db, connection, logger }), logger);
await new Reaper({ db, bell, logger, sweepMs: Number(SWEEP_MS) }).start();
await new Dispatcher({ db, bell, logger }).start();
console.log("ready");
