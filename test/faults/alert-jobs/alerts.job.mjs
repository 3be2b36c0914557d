import { setTimeout as pause } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import { z } from "zod";

const retry = { maxAttempts: 1 };

export const orphan = defineJob({ name: "orphan", queue: "orphans", retry, run: () => null });

export const slow = defineJob({ name: "slow", queue: "slow", retry, run: () => pause(500) });

export const broken = defineJob({
  name: "broken",
  queue: "shop",
  retry,
  input: z.object({ fails: z.boolean() }),
  run({ fails }) {
    if (fails) throw new RangeError("the shop is closed");
  },
});

export const calls = defineJob({
  name: "calls",
  queue: "calls",
  retry,
  input: z.object({ url: z.string() }),
  run: async ({ url }, { fetch }) => {
    // What becomes of it is what is tried; the run is none of that.
    await fetch(url).catch(() => {});
  },
});
