import type { LogFields, RunLog } from "./context.ts";

/** A run log for a handler that is called without a server: one JSON object a line on stderr. */
export function stderrLog(ids: LogFields): RunLog {
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      process.stderr.write(
        `${JSON.stringify({ time: new Date().toISOString(), level, ...ids, msg: message, ...fields })}\n`,
      );
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
