import { defineJob } from "@millrace/sdk";
import { z } from "zod";

export const hello = defineJob({
  name: "hello",
  input: z.object({ name: z.string().default("world") }),
  run: ({ name }, { log }) => {
    log.info("greeting", { name });
    return `Hello ${name}`;
  },
});
