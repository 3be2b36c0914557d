import { defineJob } from "@millrace/sdk";

/** Costs nothing by itself, so that what is around it shows most. */
export const quiet = defineJob({ name: "quiet", run: () => null });

/** The same, and says one line. */
export const told = defineJob({
  name: "told",
  run: (_input, { log }) => {
    log.info("done");
    return null;
  },
});
