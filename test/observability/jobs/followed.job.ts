import { defineJob } from "@millrace/sdk";
import { z } from "zod";

// A parent, its child, and somebody whom the child calls.

export const inner = defineJob({
  name: "inner",
  input: z.object({ url: z.string() }),
  run: async ({ url }, { fetch, log, attempt }) => {
    log.info("asking", { attempt });
    const answer = await fetch(url);
    return answer.status;
  },
});

export const outer = defineJob({
  name: "outer",
  input: z.object({ url: z.string() }),
  run: async ({ url }, { log, step }) => {
    log.info("calling");
    return await step.call(inner, { url });
  },
});
