/** What the workers of the measuring scripts execute. */
import { setTimeout as pause } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import { z } from "zod";

export const noop = defineJob({ name: "noop", run: () => ({ ok: true }) });

/** As a handler that waits for somebody else's server. */
export const wait = defineJob({
  name: "wait",
  input: z.object({ ms: z.number() }),
  run: async ({ ms }, { signal }) => {
    await pause(ms, undefined, { signal });
    return { ok: true };
  },
});
