import { inspect } from "node:util";
import { fromStepText, toStepText } from "@millrace/core";
import { type Aborted, type Context, type Step, defineJob } from "@millrace/sdk";
import { cancel } from "millrace";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { by } from "../support/caller.ts";
import { Mill, signal } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { stepValue } from "../support/step-values.ts";
import { until } from "../support/until.ts";

const soon = { firstDelay: "1ms", maxDelay: "1ms" } as const;

/** A job whose handler is that. */
function workflow(run: (ctx: Context) => unknown, maxAttempts = 5) {
  return defineJob({
    name: "workflow",
    retry: { ...soon, maxAttempts },
    run: (_input, ctx) => run(ctx),
  });
}

async function started(run: (ctx: Context) => unknown, maxAttempts?: number) {
  const mill = await Mill.create(workflow(run, maxAttempts));
  const worker = await mill.startWorker();
  await mill.startDispatcher();
  return { mill, worker, id: await mill.enqueue("workflow") };
}

const stepsOf = (mill: Mill, id: string) =>
  mill.rows<{ name: string; ordinal: number; kind: string; attempt: number }>(
    "select name, ordinal, kind, attempt from millrace.step where run_id = $1 order by started_at, name, ordinal",
    [id],
  );

const waitsOf = (mill: Mill, id: string) =>
  mill.rows<{ name: string }>("select name from millrace.waiter where run_id = $1", [id]);

const attemptsOf = (mill: Mill, id: string) =>
  mill.rows<{ outcome: string; error_class: string | null; error_message: string | null }>(
    "select outcome::text, error_class, error_message from millrace.attempt where run_id = $1 order by number",
    [id],
  );

describe("a step", () => {
  test("runs once: a later attempt gets what it gave, and its function is not called", async () => {
    let calls = 0;
    const seen: unknown[] = [];
    const { mill, id } = await started(async ({ step, attempt }) => {
      const receipt = await step("charge", () => {
        calls++;
        return { cents: 5n, at: new Date(0), lines: new Map([["a", undefined]]), b: new Set([1]) };
      });
      seen.push(receipt);
      if (attempt < 3) throw new Error("after the step");
      return calls;
    });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 1, failures: 2 });
    expect(seen).toHaveLength(3);
    for (const receipt of seen) {
      expect(inspect(receipt)).toBe(inspect(seen[0]));
      expect(receipt).toEqual({
        cents: 5n,
        at: new Date(0),
        lines: new Map([["a", undefined]]),
        b: new Set([1]),
      });
    }
    expect(await stepsOf(mill, id)).toEqual([
      { name: "charge", ordinal: 1, kind: "step", attempt: 1 },
    ]);
  });

  test("is not run again after its attempt was lost with its worker", async () => {
    const calls: string[] = [];
    const hangs = signal();
    const job = workflow(async ({ step, attempt, signal: stop }) => {
      await step("first", () => void calls.push("first"));
      if (attempt === 1) {
        hangs.fire();
        await new Promise((_resolve, reject) => {
          stop.addEventListener("abort", () => reject(stop.reason as Error));
        });
      }
      await step("second", () => void calls.push("second"));
      return attempt;
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("workflow");
    await hangs.promise;
    expect(await mill.loseWorkers()).toHaveLength(1);
    await mill.startWorker();
    // The lost worker may have taken it once more before it knew, and handed it back.
    const run = await mill.untilState(id, "completed");
    expect(run).toMatchObject({ output: run.attempts, losses: 1 });
    expect(calls).toEqual(["first", "second"]);
  });

  test("of an attempt that lost its lease is not recorded, and stops the handler", async () => {
    const thrown = signal<unknown>();
    const after: string[] = [];
    const mill: Mill = await Mill.create(
      workflow(async ({ step, signal: stop }) => {
        try {
          await step("late", async () => {
            await mill.db.query("delete from millrace.lease");
            return "zombie";
          });
        } catch (error) {
          thrown.fire([error, stop.aborted, (stop.reason as Aborted).why]);
        }
        await step("next", () => after.push("ran"));
      }),
    );
    await mill.startWorker();
    const id = await mill.enqueue("workflow");
    expect(await thrown.promise).toEqual([
      expect.objectContaining({ name: "Aborted", why: "lease-lost" }),
      true,
      "lease-lost",
    ]);
    expect(await stepsOf(mill, id)).toEqual([]);
    expect(after).toEqual([]);
  });

  test("runs beside another, and each keeps its place", async () => {
    const begun = { a: signal(), b: signal() };
    const { mill, id } = await started(async ({ step, attempt }) => {
      const both = await Promise.all([
        step("a", async () => {
          begun.a.fire();
          await begun.b.promise;
          return "from a";
        }),
        step("b", async () => {
          begun.b.fire();
          await begun.a.promise;
          return "from b";
        }),
        ...[1, 2, 3].map((n) => step("same", () => n)),
      ]);
      if (attempt === 1) throw new Error("again");
      return both;
    });
    expect((await mill.untilState(id, "completed")).output).toEqual(["from a", "from b", 1, 2, 3]);
    expect(
      (await stepsOf(mill, id)).map(({ name, ordinal }) => `${name} ${ordinal}`).sort(),
    ).toEqual(["a 1", "b 1", "same 1", "same 2", "same 3"]);
  });

  test("that throws is not recorded: the attempt fails with its error, and the job's policy decides", async () => {
    const { mill, id } = await started(async ({ step, attempt }) =>
      step("flaky", () => {
        if (attempt === 1) throw new TypeError("no luck");
        return attempt;
      }),
    );
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 2, failures: 1 });
    expect(await attemptsOf(mill, id)).toEqual([
      { outcome: "failed", error_class: "TypeError", error_message: "no luck" },
    ]);
    expect(await stepsOf(mill, id)).toMatchObject([{ name: "flaky", attempt: 2 }]);
  });

  test("is tried again in place by a policy of its own, and each try has its timeout", async () => {
    const reasons: string[] = [];
    let tries = 0;
    const { mill, id } = await started(({ step }) =>
      step("flaky", { retry: { ...soon, maxAttempts: 3 }, timeout: "20ms" }, ({ signal: stop }) => {
        if (++tries === 1) throw new TypeError("no luck");
        if (tries === 3) return tries;
        return new Promise<number>(() => {
          stop.addEventListener("abort", () => reasons.push((stop.reason as Aborted).why));
        });
      }),
    );
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 3, failures: 0 });
    expect(reasons).toEqual(["timeout"]);
  });

  test("whose kind is another than on record parks the run, which says so", async () => {
    const { mill, id } = await started(async ({ step, attempt }) => {
      if (attempt === 1) {
        await step("pay", () => 1);
        throw new Error("deploy");
      }
      await step.sleep("pay", "1h");
    }, 2);
    await mill.untilState(id, "waiting");
    expect((await attemptsOf(mill, id))[1]).toMatchObject({
      outcome: "released",
      error_class: "NeedsVersion",
      error_message: expect.stringContaining('sleep "pay" is a sleep here, and a step on record'),
    });
  });

  test.each<[string, (step: Step) => Promise<unknown>, RegExp]>([
    ["inside of another", (step) => step("a", () => step("b", () => 1)), /inside of another step/],
    ["without a name", (step) => step("", () => 1), /is not the name of a step/],
    ["with a budget", (step) => step("a", { retry: { budget: 1 } as object }, () => 1), /budget/],
    ["that gives a class", (step) => step("a", () => ({ u: new URL("a:b") })), /a" at \/u: .*URL/],
    [
      "that gives too much",
      (step) => step("a", () => "x".repeat(1024 ** 2)),
      /1048576 are allowed/,
    ],
    ["until no date", (step) => step.sleepUntil("a", new Date(NaN)), /give a Date/],
  ])("%s fails the run at once", async (_what, use, message) => {
    const { mill, id } = await started(({ step }) => use(step));
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
    expect((await attemptsOf(mill, id))[0]!.error_message).toMatch(message);
    expect(await stepsOf(mill, id)).toEqual([]);
  });
});

describe("a sleep", () => {
  test("holds no slot, uses up nothing, and the handler begins again over its checkpoints", async () => {
    const calls: string[] = [];
    const job = workflow(async ({ step, attempt }) => {
      calls.push(`attempt ${attempt}`);
      await step("before", () => void calls.push("before"));
      await step.sleep("nap", "1h");
      await step("after", () => void calls.push("after"));
      return attempt;
    });
    const quick = defineJob({ name: "quick", run: () => "done" });
    const mill = await Mill.create(job, quick);
    const worker = await mill.startWorker({ concurrency: 1 });
    await mill.startDispatcher();
    const id = await mill.enqueue("workflow");
    expect(await mill.untilState(id, "waiting")).toMatchObject({
      attempts: 1,
      failures: 0,
      losses: 0,
    });
    await until("nothing is held", () => worker.running === 0);
    await mill.untilState(await mill.enqueue("quick"), "completed");
    const [timer] = await mill.rows<{ reason: string; same: boolean; minutes: number }>(
      `select t.reason, date_trunc('milliseconds', w.due_at) = t.due_at as same,
         extract(epoch from t.due_at - now())::float8 / 60 as minutes
       from millrace.timer t join millrace.waiter w using (run_id) where run_id = $1 and w.kind = 'sleep'`,
      [id],
    );
    expect(timer).toMatchObject({ reason: "sleep", same: true });
    expect(timer!.minutes).toBeGreaterThan(58);
    await passSleeps(mill, id);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 2, failures: 0 });
    expect(calls).toEqual(["attempt 1", "before", "attempt 2", "after"]);
    expect(await attemptsOf(mill, id)).toMatchObject([{ outcome: "released", error_class: null }]);
  });

  test("takes no room under a limit, and passes the gate again when it is over", async () => {
    const job = defineJob({
      name: "limited",
      concurrency: { limit: 1 },
      run: async (_input, { step }) => step.sleep("nap", "1h"),
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    await mill.startDispatcher();
    const [first, second] = [await mill.enqueue("limited"), await mill.enqueue("limited")];
    await mill.untilState(first, "waiting");
    await mill.untilState(second, "waiting");
    await passSleeps(mill, first);
    await mill.untilState(first, "completed");
    expect(await mill.state(second)).toBe("waiting");
  });

  test("is cancelled at once, and its handler never goes on", async () => {
    const calls: number[] = [];
    const { mill, id } = await started(async ({ step, attempt }) => {
      calls.push(attempt);
      await step.sleepUntil("nap", new Date(Date.now() + 3_600_000));
    });
    await mill.untilState(id, "waiting");
    expect(await cancel(mill.db, by("ana"), { runId: id, reason: null })).toBe("cancelled");
    expect(await mill.state(id)).toBe("cancelled");
    expect(await mill.rows("select 1 from millrace.timer")).toEqual([]);
    expect(await waitsOf(mill, id)).toEqual([]);
    expect(calls).toEqual([1]);
  });

  test("that is short, or has passed, is no reason to leave", async () => {
    const { mill, id } = await started(async ({ step, attempt }) => {
      await step.sleep("blink", "5ms");
      await step.sleepUntil("past", new Date(0));
      return attempt;
    });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 1, attempts: 1 });
    expect(await stepsOf(mill, id)).toHaveLength(2);
  });

  test("lets a step beside it end first; of two the one that is over first wakes the run", async () => {
    const work = signal();
    const { mill, id } = await started(async ({ step, attempt }) => {
      const naps = [step.sleep("long", "9h"), step.sleep("short", "1h")];
      const [made] = await Promise.all([step("work", () => work.promise.then(() => 7)), naps[1]]);
      return [made, attempt];
    });
    await until("both sleep", async () => (await waitsOf(mill, id)).length === 2);
    expect(await mill.state(id)).toBe("running");
    work.fire();
    await mill.untilState(id, "waiting");
    const [timer] = await mill.rows<{ hours: number }>(
      "select extract(epoch from due_at - now())::float8 / 3600 as hours from millrace.timer",
    );
    expect(timer!.hours).toBeLessThan(1.01);
    await passSleeps(mill, id);
    expect((await mill.untilState(id, "completed")).output).toEqual([7, 2]);
  });

  test("ends when the attempt is told to stop while a step is under way beside it", async () => {
    const begun = signal();
    const { mill, id } = await started(async ({ step, signal: stop }) => {
      const nap = step.sleep("nap", "1h");
      const work = step("work", () => {
        begun.fire();
        return new Promise((_resolve, reject) => {
          stop.addEventListener("abort", () => reject(stop.reason as Error));
        });
      });
      await Promise.all([nap, work]);
    });
    await begun.promise;
    await cancel(mill.db, by("ana"), { runId: id, reason: null });
    expect(await mill.untilState(id, "cancelled")).toMatchObject({ attempts: 1, failures: 0 });
  });
});

test("whatever a step may give comes back from the database equal, in the same order", async () => {
  const mill = await Mill.create();
  const given = fc.sample(stepValue, 500);
  const { rows } = await mill.db.query<{ text: string }>(
    "select t::jsonb::text as text from unnest($1::text[]) with ordinality u(t, n) order by n",
    [given.map((value) => toStepText(value, "it"))],
  );
  for (const [place, value] of given.entries()) {
    const back = fromStepText(rows[place]!.text);
    expect(back).toEqual(value);
    const first = fromStepText(toStepText(value, "it"));
    expect(inspect(back, { depth: 20 })).toBe(inspect(first, { depth: 20 }));
  }
});
