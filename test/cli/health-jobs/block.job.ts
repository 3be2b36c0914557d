import { defineJob } from "@millrace/sdk";
import { z } from "zod";

/** Blocks the event loop of its process, as a long computation does. */
export const block = defineJob({
  name: "block",
  input: z.object({ ms: z.number() }),
  run: ({ ms }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return null;
  },
});
