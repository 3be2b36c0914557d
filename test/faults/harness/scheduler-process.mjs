/**
 * A scheduler in a process of its own, which kills itself at a failpoint, and whose own clock is wrong. It runs from the
 * built packages on plain Node.
 *
 * Environment: DATABASE_URL; KILL_AT, a failpoint, and KILL_PASS, how often it is passed before; SKEW_MS, how much this
 * process's clock is ahead, which turns to behind and back every second. Writes `ready` to stdout when it works.
 */
import { built } from "../../support/built.mjs";

const { DATABASE_URL, KILL_AT, KILL_PASS, SKEW_MS } = process.env;

const { onFailpoint } = await built("runtime/failpoints");
const { Scheduler } = await built("scheduler/scheduler");
const { openDatabase } = await built("store/database");
const { createLogger } = await built("telemetry/logger");
let left = Number(KILL_PASS);
onFailpoint((point) => {
  if (point === KILL_AT && left-- <= 0) process.kill(process.pid, "SIGKILL");
});

const now = Date.now;
let skew = Number(SKEW_MS);
Date.now = () => now() + skew;
setInterval(() => (skew = -skew), 1000).unref();

const db = openDatabase({
  connection: () => ({
    connectionString: DATABASE_URL,
    options: "-c search_path=fake,pg_catalog",
  }),
  applicationName: "millrace scheduler",
  maxConnections: 3,
});
const logger = createLogger("debug", { write: (line) => process.stderr.write(line) });
await new Scheduler({ db, bell: { ring() {} }, logger }).start();
console.log("ready");
