import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import {
  ChildFailedError,
  type Context,
  NonRetryableError,
  RetryAfterError,
  defineJob,
} from "@millrace/sdk";
import pg from "pg";
import { z } from "zod";

// Jobs that run in threads and processes, for the tests of isolation. Workers load them from this file.

class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status = 429;
}

type Way = (ctx: Context) => unknown;

const WAYS: Record<string, Way> = {
  where: () => ({ pid: process.pid, thread: threadId, env: Object.keys(process.env).sort() }),
  talk: ({ log, progress, attempt, job, runId, idempotencyKey, correlationId, trigger }) => {
    log.info("hello", { at: new Date(0), error: new TypeError("logged") });
    log.warn("there");
    for (let done = 1; done <= 1000; done++) progress(done, 1000, `step ${done}`);
    return { attempt, job, same: runId === idempotencyKey, correlationId, trigger };
  },
  exit: ({ log }) => {
    log.info("about to exit");
    process.exit(3);
  },
  segfault: () => process.kill(process.pid, "SIGSEGV"),
  kill: async () => {
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  },
  memory: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 1000 }, (_, n) => ({ n })));
  },
  buffers: async () => {
    const kept: Buffer[] = [];
    for (;;) {
      kept.push(Buffer.alloc(8 * 1024 * 1024, 1));
      await pause(10);
    }
  },
  busy: () => {
    for (;;);
  },
  deaf: () => new Promise((resolve) => setInterval(resolve, 2 ** 30)),
  listen: async ({ signal, log }) => {
    log.info("listening");
    await pause(60_000, undefined, { signal }).catch(() => {});
    log.info("told", { why: (signal.reason as { why: string }).why });
    throw signal.reason;
  },
  steps: async ({ step, attempt }) => {
    const made = await step("make", () => ({ pid: process.pid, at: new Date(0), in: attempt }));
    await step.sleep("nap", "1h");
    await step("again", { retry: { maxAttempts: 2 }, timeout: "10s" }, () => 1n);
    return { made: made.in, still: made.at instanceof Date, attempt };
  },
  continue: ({ continueAsNew }) => continueAsNew({ way: "where" }),
  "continue wrongly": ({ continueAsNew }) => continueAsNew({ no: "way" }),
  saga: async ({ step, log, signal }) => {
    const saga = step.saga();
    const undo = (name: string) => log.info(`undid ${name}`);
    await saga.step("one", () => "one", undo);
    await saga.step("two", () => "two", undo);
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error)),
    );
  },
  publish: async ({ step, publish, attempt }) => {
    void publish("stage", `one, ${attempt}`);
    await step("one", () => 1);
    await publish("stage", `two, ${attempt}`);
    if (attempt === 1) throw new RetryAfterError("again", 0);
    void publish("last", attempt);
    return "published";
  },
  "publish too much": ({ publish }) => {
    for (let n = 0; n <= 100; n++) void publish(`key ${n}`, n);
  },
  effect: ({ step }) => {
    let asked = 0;
    return step.effect("charge", {
      do: ({ idempotencyKey, attempt }) => {
        if (attempt === 1) throw new Error("the answer was lost");
        return { idempotencyKey, attempt, asked };
      },
      verify: () => {
        asked++;
        return { happened: false };
      },
    });
  },
  doubt: ({ step, attempt }) =>
    step.effect("charge", {
      do: () => {
        if (attempt === 1) throw new Error("the answer was lost");
        return attempt;
      },
    }),
  approval: async ({ step, log }) => {
    const said = await step.approval("refund", {
      ask: "Refund?",
      notify: ({ url }) => log.info("asked", { url }),
    });
    return { approved: said?.approved, date: said?.at instanceof Date };
  },
  transaction: async ({ step, attempt }) => {
    const pool = new pg.Pool({ connectionString: process.env["MARKS"], max: 1 });
    try {
      const booked = await step.transaction(
        "book",
        async (work: (tx: pg.PoolClient) => Promise<void>) => {
          const tx = await pool.connect();
          try {
            await tx.query("begin");
            await work(tx);
            await tx.query("commit");
          } finally {
            tx.release(true);
          }
        },
        async (tx) => {
          await tx.query("insert into mark values ($1)", [attempt]);
          if (attempt === 1) throw new Error("rolled back");
          return attempt;
        },
      );
      return { booked, attempt };
    } finally {
      await pool.end();
    }
  },
  huge: () => "x".repeat(2 * 1024 * 1024),
  unserialisable: () => ({ deep: { n: 1n } }),
  shout: () => {
    for (let n = 0; n < 20_000; n++) process.stdout.write(`${"y".repeat(100)}\n`);
    return "hoarse";
  },
  children: async ({ step }) => {
    const one = await step.call(inThread, { way: "never" }).catch((error: unknown) => error);
    const many = await step.fanOut(inline, [{ way: "one" }, { way: "one" }], { concurrency: 1 });
    return { one: one instanceof ChildFailedError && one.errorMessage, many };
  },
  one: () => 1,
  typeError: () => {
    throw new TypeError("not that type");
  },
  never: () => {
    throw new Error("wrapped", { cause: new NonRetryableError("no account c-1") });
  },
  later: () => {
    throw new RetryAfterError("busy", 3_600_000);
  },
  http: () => {
    throw new HttpError("too many");
  },
  hostile: () => {
    // eslint-disable-next-line typescript/only-throw-error
    throw new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
      },
    );
  },
  uncaught: async () => {
    setImmediate(() => {
      throw new RangeError("nobody caught this");
    });
    await new Promise(() => {});
  },
  family: async ({ log }) => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    log.info("child", { pid: child.pid });
    await new Promise(() => {});
  },
};

const common = {
  input: z.object({ way: z.string(), at: z.coerce.date().optional() }),
  retry: { maxAttempts: 2, firstDelay: "1ms", maxDelay: "1ms" },
  run: ({ way }: { way: string }, ctx: Context) => WAYS[way]!(ctx),
} as const;

export const inProcess = defineJob({ name: "in-process", isolation: "process", ...common });
export const inThread = defineJob({ name: "in-thread", isolation: "thread", ...common });
export const smallProcess = defineJob({
  ...common,
  name: "small-process",
  isolation: "process",
  limits: { memory: "64mb" },
});
export const smallThread = defineJob({
  ...common,
  name: "small-thread",
  isolation: "thread",
  limits: { memory: "32mb" },
});
export const shortProcess = defineJob({
  ...common,
  name: "short-process",
  isolation: "process",
  timeout: "300ms",
});
export const shortThread = defineJob({
  ...common,
  name: "short-thread",
  isolation: "thread",
  timeout: "300ms",
});
/** Inline, unless it is a suspect. */
export const inline = defineJob({ name: "inline", ...common });

/** Its second attempt is other code than its first. */
export const changesKind = defineJob({
  name: "changes-kind",
  isolation: "process",
  retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
  async run(_input, { step, attempt }) {
    if (attempt > 1) return step.sleep("open", "1h");
    await step("open", () => 1);
    throw new Error("deploy");
  },
});
