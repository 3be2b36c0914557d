import { defineJob } from "@millrace/sdk";
import { z } from "zod";

const input = z.object({ order: z.string(), customer: z.number(), note: z.string() });

/** Costs nothing by itself, so that what is around it shows most. */
export const quiet = defineJob({ name: "quiet", input, run: () => null });

/** The same, and says one line. */
export const told = defineJob({
  name: "told",
  input,
  run: (_input, { log }) => {
    log.info("done");
    return null;
  },
});
