import { describe, expect, test } from "vitest";
import { defineJob } from "../define-job.ts";
import { Aborted } from "../errors.ts";
import type { Checkpoint, Checkpoints } from "./checkpoints.ts";
import type { Step } from "./step.ts";
import { StepRunner } from "./step-runner.ts";

/** A runner over that many steps on record, and what it says. */
function runnerOver(recorded: number, bytes = 0) {
  const warnings: string[] = [];
  const value = JSON.stringify("x".repeat(Math.max(0, bytes - 2)));
  const found = Array.from({ length: recorded }, (_, n): Checkpoint => ({
    name: `old ${n}`,
    ordinal: 1,
    kind: "step",
    seq: n + 1,
    value,
    failed: false,
  }));
  const checkpoints: Checkpoints = {
    read: () =>
      Promise.resolve({
        checkpoints: found,
        waits: [],
        intents: [],
        compensates: false,
        unwinding: null,
      }),
    willCompensate: () => Promise.resolve(),
    unwound: () => Promise.resolve(),
    keep: () => Promise.resolve(),
    note: () => Promise.reject(new Error("no effect is here")),
    keepIn: () => Promise.reject(new Error("no transaction is here")),
    isKept: () => Promise.reject(new Error("no transaction is here")),
    publish: () => Promise.resolve(),
    ask: () => Promise.reject(new Error("no step waits here")),
    link: () => Promise.reject(new Error("no step waits here")),
    take: () => Promise.reject(new Error("no step waits here")),
  };
  const controller = new AbortController();
  const runner = new StepRunner({
    checkpoints,
    runId: "01900000-0000-7000-8000-000000000000",
    attempt: 1,
    signal: () => controller.signal,
    stopped: () => (controller.signal.aborted ? (controller.signal.reason as Error) : undefined),
    warn: (message) => warnings.push(message),
  });
  return { step: runner.step, controller, warnings };
}

/** Comes to all that is on record; answers what the last one gave. */
async function resume(step: Step, recorded: number): Promise<unknown> {
  let last: unknown;
  for (let n = 0; n < recorded; n++) last = await step(`old ${n}`, () => "called again");
  return last;
}

describe("a run", () => {
  test("of 5,000 steps is warned of once, and one of 25,000 gets no more", async () => {
    const { step, warnings } = runnerOver(4999);
    await resume(step, 4999);
    await step("new", () => 1);
    await step("new", () => 2);
    expect(warnings).toEqual([expect.stringContaining("5000 steps")]);
    const full = runnerOver(25_000);
    let called = false;
    expect(await resume(full.step, 25_000)).toBe("");
    await expect(full.step("new", () => (called = true))).rejects.toMatchObject({
      code: "too_many_steps",
    });
    expect(called).toBe(false);
  });

  test("keeps 32 MiB of what its steps gave, and no more", async () => {
    const { step } = runnerOver(32, 1024 ** 2 - 10);
    await resume(step, 32);
    await step("small", () => "x".repeat(100));
    await expect(step("large", () => "x".repeat(500))).rejects.toMatchObject({
      code: "step_too_large",
    });
  });
});

test("an attempt that was told to stop begins no step any more", async () => {
  const { step, controller } = runnerOver(0);
  const why = new Aborted("cancelled", "it was cancelled");
  controller.abort(why);
  await expect(step("new", () => 1)).rejects.toBe(why);
});

test("a step that fails and is waited for too late ends no process", async () => {
  const { step } = runnerOver(0);
  const failing = step("new", () => Promise.reject(new TypeError("no")));
  // Node would end the process after the first turn of the event loop in which nobody has looked.
  await new Promise((resolve) => setImmediate(resolve));
  await expect(failing).rejects.toThrow("no");
});

describe("job.call", () => {
  test("simply runs steps, waits in place for sleeps, and refuses what a worker would", async () => {
    const job = defineJob({
      name: "called",
      run: async (_input, { step }) => {
        const at = await step("one", () => new Date(0));
        await step.sleep("blink", "5ms");
        await step.sleepUntil("past", new Date(0));
        return at;
      },
    });
    expect(await job.call()).toEqual(new Date(0));
    const wrong = defineJob({
      name: "wrong",
      run: (_input, { step }) => step("one", () => ({ a: /x/ })),
    });
    await expect(wrong.call()).rejects.toMatchObject({ code: "invalid_json", pointer: "/a" });
  });

  test("ends a sleep when it is told to stop", async () => {
    const job = defineJob({ name: "asleep", run: (_input, { step }) => step.sleep("nap", "30d") });
    const controller = new AbortController();
    const called = job.call(undefined, { signal: controller.signal });
    const why = new Error("enough");
    controller.abort(why);
    await expect(called).rejects.toBe(why);
  });
});
