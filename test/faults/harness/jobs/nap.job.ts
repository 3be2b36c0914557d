import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type Context, defineJob } from "@millrace/sdk";
import { z } from "zod";
import { monotonicMs } from "../history.ts";

/** For `millrace start`: a job whose executions are in the file that LEDGER names. */
export const nap = defineJob({
  name: "nap",
  input: z.object({ ms: z.number() }),
  run: async ({ ms }, ctx) => {
    note("start", ctx);
    await pause(ms, undefined, { signal: ctx.signal });
    note("end", ctx);
    return { attempt: ctx.attempt };
  },
});

function note(event: string, { runId, attempt }: Context): void {
  const entry = { at: monotonicMs(), event, pid: process.pid, run: runId, attempt };
  appendFileSync(process.env["LEDGER"]!, `${JSON.stringify(entry)}\n`);
}
