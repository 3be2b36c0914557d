import { defineJob } from "@millrace/sdk";
import { z } from "zod";

/** As the code that runs, but it prints, and leaves something behind that fails. */
export const quiet = defineJob({
  name: "quiet",
  async run(_input, { step }) {
    console.log("printed by the handler");
    void Promise.reject(new RangeError("left behind"));
    await step("open", () => 1);
    await step.sleep("rest", "30d");
  },
});

/** As the code that runs, but it goes on for ever. */
export const haul = defineJob({
  name: "haul",
  input: z.object({ kg: z.number() }),
  async run(_input, { step }) {
    for (const name of ["load", "seal", "unload"]) await step(name, () => 1);
    await new Promise(() => {});
  },
});
