import { NonRetryableError, defineJob, defineQueue } from "@millrace/sdk";
import { z } from "zod";

// Jobs for the tests of the command line. They are loaded by the real command, as a user's are.

const ESCAPE = "\u001B]0;pwned\u0007\u001B[2J";

export const echo = defineJob({
  name: "echo",
  description: "Answers with its input",
  input: z.object({ text: z.string(), note: z.string().optional() }),
  run: (input, { log }) => {
    log.info(`hello${ESCAPE}`, { text: input.text });
    return input;
  },
});

/** Named like a subcommand of `run`. */
export const show = defineJob({ name: "show", run: () => "shown" });

export const hostile = defineJob({
  name: "hostile",
  run: () => {
    throw new NonRetryableError(`alas${ESCAPE}\u202E`);
  },
});

/** Runs until it is told to stop, or so long; ignores being told when it is stubborn. */
export const nap = defineJob({
  name: "nap",
  queue: "naps",
  input: z.object({ ms: z.number(), stubborn: z.boolean().default(false) }),
  run: async ({ ms, stubborn }, { signal }) => {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        if (stubborn) return;
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
    return "rested";
  },
});

/** Fails where no handler can catch it. */
export const bomb = defineJob({
  name: "bomb",
  run: async () => {
    setImmediate(() => {
      throw new Error("boom");
    });
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  },
});

/** With every kind of limit that a list shows. */
export const perTenant = defineJob({
  name: "per-tenant",
  input: z.object({ tenant: z.string().optional() }),
  concurrency: [{ key: "tenant", limit: 1 }, { limit: 3 }],
  rateLimit: { key: "tenant", limit: 100, per: "1s" },
  searchable: ["tenant"],
  run: () => null,
});

export const paced = defineQueue({
  name: "paced",
  concurrency: 3,
  rateLimit: { limit: 50, per: "1m" },
});

export const doubtful = defineJob({
  name: "doubtful",
  retry: { firstDelay: "1ms" },
  run: (_input, { step }) =>
    step.effect("charge", {
      do: ({ attempt }) => {
        if (attempt === 1) throw new Error("reset");
        return { n: attempt };
      },
    }),
});

/** Tells the test its link, by which nobody else can answer. */
export const asking = defineJob({
  name: "asking",
  queue: "asks",
  input: z.object({ cents: z.int() }),
  run: async ({ cents }, { step, log }) => {
    const said = await step.approval("refund", {
      ask: `Refund\n${cents} cents?${ESCAPE}`,
      details: { cents },
      notify: ({ url }) => log.info("asked", { url }),
    });
    return said && { approved: said.approved, by: said.by, note: said.note };
  },
});

/** Logs a line every few milliseconds until it is told to stop, or so many. */
export const talks = defineJob({
  name: "talks",
  input: z.object({ lines: z.number().default(100_000), fails: z.boolean().default(false) }),
  run: async ({ lines, fails }, { log, signal }) => {
    for (let n = 0; n < lines; n++) {
      signal.throwIfAborted();
      if (n % 3 === 2) log.warn(`said ${n}\nand more`, { n });
      else log.info(`said ${n}`, { n });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (fails) throw new NonRetryableError("said it all");
  },
});
