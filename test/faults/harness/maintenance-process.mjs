/**
 * Reaper and dispatcher in a process of their own, to be held and stopped. It runs from the built packages on plain Node.
 *
 * Environment: DATABASE_URL, SWEEP_MS. Writes `ready` to stdout when it works, its log to stderr.
 */
import { Bell, Dispatcher, PostgresTransport, Reaper, createLogger, openDatabase } from "millrace";

const { DATABASE_URL, SWEEP_MS } = process.env;

const connection = () => ({ connectionString: DATABASE_URL });
const logger = createLogger("debug", { write: (line) => process.stderr.write(line) });
const db = openDatabase({ connection, applicationName: "millrace maintenance" });
const bell = new Bell(new PostgresTransport({ db, connection, logger }), logger);
await new Reaper({ db, bell, logger, sweepMs: Number(SWEEP_MS) }).start();
await new Dispatcher({ db, bell, logger }).start();
console.log("ready");
