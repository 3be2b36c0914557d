/**
 * The jobs of the workers under test, in a file of their own: what was lost once is executed in a process that loads it
 * from here.
 */
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { defineEvent, defineJob } from "@millrace/sdk";
import pg from "pg";
import { z } from "zod";

/** Of the worker, also where a run has a process of its own. */
const WORKER = process.argv[1]?.endsWith("isolated-process.js") ? process.ppid : process.pid;

/** Opened for appending: lines of many processes do not tear each other, and what is written survives a kill. */
const ledger = openSync(process.env.LEDGER, "a", 0o600);

/** `at` is CLOCK_MONOTONIC, the same in all processes of a machine. */
function note(event, { runId, attempt }) {
  const at = Number(process.hrtime.bigint() / 1000n) / 1000;
  writeSync(ledger, `${JSON.stringify({ at, event, pid: WORKER, run: runId, attempt })}\n`);
}

/** A job whose executions are in the ledger. */
function job(name, run, options = {}) {
  return defineJob({
    name,
    input: z.object({ ms: z.number().default(0) }),
    retry: { maxAttempts: 3, firstDelay: "20ms", maxDelay: "100ms" },
    ...options,
    run: async (input, ctx) => {
      note("start", ctx);
      ctx.signal.addEventListener("abort", () => note(`abort ${ctx.signal.reason.why}`, ctx));
      const output = await run(input, ctx);
      note("end", ctx);
      return output;
    },
  });
}

function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export const quick = job("quick", (_input, { attempt }) => ({ attempt }));

export const slow = job("slow", async ({ ms }, ctx) => {
  await pause(ms, undefined, { signal: ctx.signal });
  return { attempt: ctx.attempt };
});

// Two tenants at their limit would need more slots than there are: they have to take turns. What limits-round.ts expects.
export const keyed = job("keyed", ({ ms }, ctx) => pause(ms, null, { signal: ctx.signal }), {
  input: z.object({ tenant: z.string(), ms: z.number() }),
  concurrency: [{ key: "tenant", limit: 2 }, { limit: 3 }],
});

export const rated = job("rated", ({ ms }, ctx) => pause(ms, null, { signal: ctx.signal }), {
  rateLimit: { limit: 8, per: "1s", burst: 4 },
});

export const talkative = job("talkative", async ({ ms }, ctx) => {
  ctx.log.info("before");
  ctx.progress(1, 2, `attempt ${ctx.attempt}`);
  await pause(ms);
  ctx.log.info("after", { pid: WORKER });
  ctx.progress(2, 2, `attempt ${ctx.attempt}`);
  return { pid: WORKER };
});

// Two checkpoints, with time to lose the run between them, and while the second is made.
export const stepping = job("stepping", async ({ ms }, ctx) => {
  const first = await ctx.step("first", () => ctx.attempt);
  await pause(ms, undefined, { signal: ctx.signal });
  const second = await ctx.step("second", () => pause(ms, ctx.attempt));
  return { first, second };
});

const go = defineEvent({ name: "go" });

/** A workflow of ten steps, two of which are under way at once, and with a wait for an event that is sent to its run alone. */
export const tenSteps = job("ten-steps", async ({ ms }, ctx) => {
  const noted = (name) =>
    ctx.step(name, async () => {
      note(`step ${name}`, ctx);
      await pause(ms);
      return ctx.attempt;
    });
  const made = [];
  for (const name of ["one", "two", "three", "four"]) made.push(await noted(name));
  const sent = await ctx.step.waitFor(go);
  made.push(...(await Promise.all([noted("pair"), noted("pair")])));
  for (const name of ["seven", "eight", "nine", "ten"]) made.push(await noted(name));
  return { made, sent };
});

// One child, whatever crashes while it is called.
export const calling = job("calling", async (_input, ctx) => {
  const { attempt } = await ctx.step.call(quick, {});
  return { attempt };
});

export const blocking = job("blocking", ({ ms }, { attempt }) => {
  block(ms);
  return { attempt };
});

// Quick when it is tried again: its point is how the first attempt ends.
export const ignoresSignal = job("ignores-signal", async ({ ms }, { attempt }) => {
  await pause(attempt === 1 ? ms : 0);
  return { attempt };
});

// Its effect is a row of the table `effect`, written together with its outcome. It waits where `at` says, once.
export const paying = job(
  "paying",
  async ({ at }, ctx) => {
    const tx = new pg.Client({ connectionString: process.env.DATABASE_URL });
    await tx.connect();
    const point = async (name) => {
      note(name, ctx);
      if (name === at && ctx.attempt === 1) await new Promise(() => {});
    };
    await tx.query("begin");
    await tx.query("insert into effect values ($1, $2)", [ctx.runId, ctx.attempt]);
    await point("written");
    await ctx.completeIn(tx, { attempt: ctx.attempt });
    await point("completed");
    await tx.query("commit");
    await point("committed");
    await tx.end();
    return { attempt: ctx.attempt };
  },
  { input: z.object({ at: z.string().default("nowhere") }) },
);

const lookedUp = (text) => async (run) => {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  const { rows } = await client.query(text, [run]);
  await client.end();
  return rows[0];
};

/** The other side of an effect, which knows what has come to it; as a table of its own, by connections of its own. */
const otherSide = {
  charge: (run, attempt) =>
    lookedUp(`insert into effect values ($1, ${attempt}) returning attempt`)(run),
  look: lookedUp("select attempt from effect where run = $1"),
};

const WAYS = {
  verify: ({ runId }) => ({
    verify: async () => {
      const value = await otherSide.look(runId);
      return value ? { happened: true, value } : { happened: false };
    },
  }),
  idempotent: () => ({ idempotent: true }),
  alone: () => ({}),
};

// An effect: what is told of it to whom, when its worker dies.
export const charging = job(
  "charging",
  ({ way }, ctx) =>
    ctx.step.effect("charge", {
      ...WAYS[way](ctx),
      do: async ({ attempt }) =>
        (way === "idempotent" && (await otherSide.look(ctx.runId))) ||
        (await otherSide.charge(ctx.runId, attempt)),
    }),
  { input: z.object({ way: z.enum(Object.keys(WAYS)) }) },
);

// The same in one transaction with its checkpoint. It waits where `at` says, once.
export const booking = job(
  "booking",
  async ({ at }, ctx) => {
    const tx = new pg.Client({ connectionString: process.env.DATABASE_URL });
    await tx.connect();
    const point = async (name) => {
      note(name, ctx);
      if (name === at && ctx.attempt === 1) await new Promise(() => {});
    };
    const begin = async (work) => {
      await tx.query("begin");
      await work(tx);
      await point("recorded");
      await tx.query("commit");
      await point("committed");
    };
    const booked = await ctx.step.transaction("book", begin, async () => {
      await tx.query("insert into effect values ($1, $2)", [ctx.runId, ctx.attempt]);
      await point("written");
      return { attempt: ctx.attempt };
    });
    await tx.end();
    return booked;
  },
  { input: z.object({ at: z.string() }) },
);

export const failing = job("failing", () => {
  throw new Error("it always fails");
});

/** No worker knows the file of this one. */
export const homeless = job("homeless", async ({ ms }, ctx) => {
  await pause(ms, undefined, { signal: ctx.signal });
  return { attempt: ctx.attempt };
});

const DEATHS = {
  exit: () => process.exit(7),
  segfault: () => process.kill(process.pid, "SIGSEGV"),
  kill: () => process.kill(process.pid, "SIGKILL"),
  uncaught: () =>
    setImmediate(() => {
      throw new Error("nobody catches this");
    }),
  memory: () => {
    const kept = [];
    for (;;) kept.push(Array.from({ length: 1000 }, (_, n) => ({ n })));
  },
};

/** Ends whatever executes it, after a while. */
export const poison = job(
  "poison",
  async ({ ms, death }, ctx) => {
    ctx.log.info("about to end it all");
    await pause(ms);
    DEATHS[death]();
    await new Promise(() => {});
  },
  {
    input: z.object({
      ms: z.number().default(0),
      death: z.enum(Object.keys(DEATHS)).default("exit"),
    }),
  },
);

/** Computes for ever in a process of its own, and hears nothing. */
export const endless = job(
  "endless",
  (_input, ctx) => {
    note(`own pid ${process.pid}`, ctx);
    for (;;);
  },
  { isolation: "process" },
);

// Asks people. What a mail would carry is a row of the table `mail`.
export const asking = job("asking", async (_input, { step, runId }) => {
  const said = await step.approval("go", {
    ask: "Go on?",
    notify: ({ url }) => lookedUp(`insert into mail values ($1, '${url}')`)(runId),
  });
  return { approved: said.approved };
});
