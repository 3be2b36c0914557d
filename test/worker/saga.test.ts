import { readFile } from "node:fs/promises";
import { type Context, NonRetryableError, defineEvent, defineJob } from "@millrace/sdk";
import { cancel, settle } from "millrace";
import { testKit } from "millrace/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { fork } from "../../packages/server/src/engine/fork.ts";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { pruneUnwindings } from "../../packages/server/src/store/unwinding.ts";
import { z } from "zod";
import { by } from "../support/caller.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill, signal } from "../support/mill.ts";

const go = defineEvent({ name: "go" });

/** What was done to the world and not made good, and what was made good, in order. */
let standing: string[];
let undone: string[];

beforeEach(() => {
  standing = [];
  undone = [];
});

const make = (name: string) => () => {
  standing.push(name);
  return { made: name };
};

const undo = ({ made }: { made: string }) => {
  standing = standing.filter((name) => name !== made);
  undone.push(made);
};

/** Rejects as soon as the signal is aborted. */
const aborted = (stop: AbortSignal) =>
  new Promise<never>((_, reject) => {
    if (stop.aborted) reject(stop.reason);
    stop.addEventListener("abort", () => reject(stop.reason));
  });

function workflow(run: (ctx: Context) => unknown, name = "workflow") {
  return defineJob({
    name,
    retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
    run: (_input, ctx) => run(ctx),
  });
}

/** Two things to make good, and then a wait. */
const booked = async ({ step }: Context) => {
  const saga = step.saga();
  await saga.step("seat", make("seat"), undo);
  await step("between", () => 1);
  await saga.step("room", make("room"), undo);
  await step.waitFor(go);
  return "booked";
};

const places = (mill: Mill, id: string) =>
  mill.rows<{ places: number }>(
    `select (select count(*)::int from millrace.ready where run_ids @> array[$1::uuid])
       + (select count(*)::int from millrace.lease where run_ids @> array[$1::uuid])
       + (select count(*)::int from millrace.timer where run_id = $1) as places`,
    [id],
  );

describe("a run with something to make good", () => {
  test("makes it good in reverse order when it is cancelled while it waits, and is cancelled then", async () => {
    const job = workflow(booked);
    await using t = await testKit({ job });
    const run = await t.run(job);
    expect([run.state, standing]).toEqual(["waiting", ["seat", "room"]]);
    expect(await t.cancel(run.id)).toBe("compensating");
    const ended = await t.find(run.id);
    expect(ended.state).toBe("cancelled");
    expect([standing, undone]).toEqual([[], ["room", "seat"]]);
    expect(ended.steps.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      ...["step seat", "step between", "step room"],
      ...["compensation undo:room", "compensation undo:seat"],
    ]);
  });

  test("leaves what makes it good a signal that is not aborted with the handler's", async () => {
    const seen: boolean[] = [];
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), async (_seat, { signal: stop }) => {
        // Where a request would be under way that heeds it.
        await new Promise(setImmediate);
        seen.push(stop.aborted);
      });
      throw new NonRetryableError("no car");
    });
    await using t = await testKit({ job });
    expect((await t.run(job)).error).toMatchObject({ message: "no car" });
    expect(seen).toEqual([false]);
  });

  test("completes, and makes nothing good, when nobody cancels it", async () => {
    const job = workflow(booked);
    await using t = await testKit({ job });
    const run = await t.run(job);
    await t.emit(go, {});
    expect(await t.find(run.id)).toMatchObject({ state: "completed", output: "booked" });
    expect([standing, undone]).toEqual([["seat", "room"], []]);
  });

  test("makes nothing good when an attempt fails that is retried, and all when the last one has failed", async () => {
    const seen: string[][] = [];
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      await saga.step("room", make("room"), undo);
      seen.push([...undone]);
      throw new RangeError("no car");
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    expect(run).toMatchObject({
      state: "failed",
      error: { class: "RangeError", message: "no car" },
    });
    // Three attempts, and one that comes to the same end over the record.
    expect(seen).toEqual([[], [], [], []]);
    expect([standing, undone]).toEqual([[], ["room", "seat"]]);
  });

  test("does nothing anew on the way: what is not on record throws the error that it ends with", async () => {
    const got: string[] = [];
    let cars = 0;
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      try {
        await step("car", () => {
          cars++;
          throw new NonRetryableError("no car");
        });
      } catch (error) {
        got.push((error as Error).name);
        await step("bike", () => 1).catch((again: Error) => got.push(again.name));
        throw error;
      }
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    expect(run).toMatchObject({ state: "failed", error: { class: "NonRetryableError" } });
    // The failure was survived as far as the bike, so it is on record, and so is the bike.
    expect([cars, got, undone]).toEqual([1, ["NonRetryableError", "NonRetryableError"], ["seat"]]);
  });

  test("ends as it was to though its handler survives the error and returns", async () => {
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      const paper = await step.waitFor(go).catch((error: Error) => error.name);
      return { paper };
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    await t.cancel(run.id);
    expect(await t.find(run.id)).toMatchObject({ state: "cancelled", output: null });
    expect(undone).toEqual(["seat"]);
  });

  test("makes good what all of its branches did", async () => {
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      const branch = async (name: string, then: () => Promise<unknown>) => {
        await saga.step(`${name} one`, make(`${name} one`), undo);
        await then();
        await saga.step(`${name} two`, make(`${name} two`), undo);
      };
      await Promise.all([
        branch("a", () => step.waitFor(go)),
        branch("b", () => step("between", () => 1)),
      ]);
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    expect(standing).toEqual(["a one", "b one", "b two"]);
    await t.cancel(run.id);
    expect((await t.find(run.id)).state).toBe("cancelled");
    expect([standing, undone]).toEqual([[], ["b two", "b one", "a one"]]);
  });

  test("makes good what a branch did beside one that has failed", async () => {
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      const failing = async () => {
        await step("first", () => 1);
        throw new NonRetryableError("no car");
      };
      await Promise.all([failing(), saga.step("seat", make("seat"), undo)]);
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    expect(run.state).toBe("failed");
    expect(run.error).toMatchObject({ message: "no car" });
    expect([standing, undone]).toEqual([[], ["seat"]]);
    const crashes = await t.crashAtEveryStep(job, undefined, {
      reset: () => (standing = []),
      effects: () => standing,
      outcome: ({ state, error }) => ({ state, error: error?.message }),
    });
    expect(crashes).toBeGreaterThan(10);
  });

  test("makes good what a branch comes to only after another one has failed", async () => {
    const done = signal();
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      const failing = async () => {
        await step("first", () => 1);
        await done.promise;
        throw new NonRetryableError("no car");
      };
      const slow = async () => {
        await saga.step("seat", make("seat"), undo);
        await readFile(import.meta.filename);
        await saga.step("room", make("room"), undo);
        done.fire();
      };
      await Promise.all([failing(), slow()]);
    });
    await using t = await testKit({ job });
    expect((await t.run(job)).error).toMatchObject({ message: "no car" });
    expect([standing, undone]).toEqual([[], ["room", "seat"]]);
  });

  test("makes good a step that was under way when another branch failed", async () => {
    const failed = signal();
    const afterwards: string[] = [];
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      const slow = async () => {
        await saga.step(
          "seat",
          async () => {
            await failed.promise;
            await readFile(import.meta.filename);
            return make("seat")();
          },
          undo,
        );
        await step("ticket", () => void afterwards.push("ticket"));
      };
      const failing = step("car", () => {
        throw new NonRetryableError("no car");
      });
      await Promise.all([slow(), failing]).catch((error: unknown) => {
        failed.fire();
        throw error;
      });
    });
    await using t = await testKit({ job });
    expect((await t.run(job)).error).toMatchObject({ message: "no car" });
    expect([standing, undone, afterwards]).toEqual([[], ["seat"], []]);
    await expect(job.call({})).rejects.toThrow("no car");
    expect([standing, undone, afterwards]).toEqual([[], ["seat", "seat"], []]);
  });

  test("makes good effects and children, and cancels children that are open", async () => {
    const child = workflow(() => "made", "child");
    let open = "";
    const sleeper = workflow(async ({ step, runId }) => {
      open = runId;
      await step.sleep("long", "1d");
    }, "sleeper");
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.effect("charge", { do: make("charge"), idempotent: true }, undo);
      await saga.call(child, undefined, (given) => void undone.push(`child ${given as string}`));
      await step.call(sleeper, undefined);
    });
    await using t = await testKit({ job, child, sleeper });
    const run = await t.run(job);
    await t.cancel(run.id);
    expect((await t.find(run.id)).state).toBe("cancelled");
    expect(undone).toEqual(["child made", "charge"]);
    expect((await t.find(open)).state).toBe("cancelled");
  });

  test("makes good a child that had completed before it could learn of that", async () => {
    const child = defineJob({ name: "child", queue: "other", run: () => "made" });
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      const open = step.call(child, undefined, { delay: "1h", name: "open" });
      await saga.call(child, undefined, (given) => void undone.push(`child ${given}`));
      await open;
    });
    const mill = await Mill.create(job, child);
    const parents = await mill.startWorker({ queues: ["default"] });
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    await parents.stop();
    const children = await mill.startWorker({ queues: ["other"] });
    // The child has ended, and no worker has told its parent.
    await mill.untilState(id, "queued");
    expect(await cancel(mill.db, by("test"), { runId: id, reason: null })).toBe("compensating");
    await children.stop();
    await mill.startWorker();
    await mill.untilState(id, "cancelled");
    expect(undone).toEqual(["child made"]);
    expect(await mill.rows("select name, kind from millrace.step order by seq")).toEqual([
      { name: "child", kind: "call" },
      { name: "undo:child", kind: "compensation" },
    ]);
  });

  test("retries what makes good by the policy of its job, with attempts of its own", async () => {
    const job = workflow(async (ctx) => {
      await booked(ctx);
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    t.failStep("undo:seat", 2, new Error("the line is busy"));
    await t.cancel(run.id);
    expect((await t.find(run.id)).state).toBe("cancelled");
    expect(undone).toEqual(["room", "seat"]);
  });

  test("fails, with a dead letter that says so, when it cannot be made good", async () => {
    const mill = await Mill.create(
      workflow(async ({ step }) => {
        const saga = step.saga();
        await saga.step("seat", make("seat"), () => {
          throw new Error("the line is dead");
        });
        throw new RangeError("no car");
      }),
    );
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("workflow");
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 6 });
    const [dead] = await mill.rows("select error_class, error_message from millrace.dead_letter");
    expect(dead).toEqual({
      error_class: "CompensationError",
      error_message:
        'step "seat" could not be made good: Error: the line is dead (it had failed with RangeError: no car)',
    });
  });

  test("is cancelled once, however often that is asked for, and at once when it is forced", async () => {
    const mill = await Mill.create(workflow(booked));
    const worker = await mill.startWorker();
    await mill.startDispatcher();
    const ask = (runId: string, force?: boolean) =>
      cancel(mill.db, by("test"), { runId, reason: null, force });
    const waiting = async () => {
      const id = await mill.enqueue("workflow");
      await mill.untilState(id, "waiting");
      return id;
    };
    const forced = await waiting();
    expect(await ask(forced, true)).toBe("cancelled");
    expect((await mill.run(forced)).state).toBe("cancelled");
    const [one, other] = [await waiting(), await waiting()];
    await worker.stop();
    for (const id of [one, other]) {
      expect([await ask(id), await ask(id)]).toEqual(["compensating", "compensating"]);
      expect(await places(mill, id)).toEqual([{ places: 1 }]);
    }
    expect(await ask(other, true)).toBe("cancelled");
    expect(undone).toEqual([]);
    await mill.startWorker();
    await mill.untilState(one, "cancelled");
    expect(undone).toEqual(["room", "seat"]);
    const told = await mill.rows<{ event: string }>(
      "select event from millrace.event where run_id = $1 order by seq",
      [one],
    );
    expect(told.map(({ event }) => event)).toEqual([
      ...["cancel asked", "compensating", "compensated"],
    ]);
    const nil = "00000000-0000-0000-0000-000000000000";
    expect(await pruneUnwindings(mill.db, nil, 10)).toEqual([{ pruned: 2, last: null }]);
  });

  test("is not made good when it was forced to end before it did anything", async () => {
    const [running, goOn] = [signal(), signal()];
    const mill = await Mill.create(
      workflow(async ({ step }) => {
        const saga = step.saga();
        running.fire();
        await goOn.promise;
        await saga.step("seat", make("seat"), undo);
        await saga.step("never", ({ signal: stop }) => aborted(stop), undo);
      }),
    );
    await mill.startWorker();
    const id = await mill.enqueue("workflow");
    await running.promise;
    expect(await cancel(mill.db, by("test"), { runId: id, reason: null, force: true })).toBe(
      "asked",
    );
    goOn.fire();
    await mill.untilState(id, "cancelled");
    expect(undone).toEqual([]);
    // Its attempt may hear of the cancel before the seat is taken, or after.
    expect([[], ["seat"]]).toContainEqual(standing);
  });

  test("is not forked behind what it has made good", async () => {
    const mill = await Mill.create(workflow(booked));
    await mill.startWorker();
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    await cancel(mill.db, by("test"), { runId: id, reason: null });
    await mill.untilState(id, "cancelled");
    const forked = (step: string) => fork(mill.db, by("test"), { runId: id, step, ordinal: 1 });
    await expect(forked("room")).rejects.toThrow(
      /has made good what its step "seat" did; fork it from an earlier step/,
    );
    expect(await forked("seat")).toMatchObject({ steps: 0 });
  });

  test("does what it has to do on a cancel, in its place among the others, whatever crashes; and not when it fails", async () => {
    const asked = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      await saga.onCancel("tell", () => void undone.push("told"));
      await saga.step("room", make("room"), undo);
      await step.waitFor(go);
    });
    const failing = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      await saga.onCancel("tell", () => void undone.push("told"));
      throw new NonRetryableError("no car");
    }, "failing");
    await using t = await testKit({ asked, failing });
    const { id } = await t.run(asked);
    await t.cancel(id);
    expect((await t.find(id)).state).toBe("cancelled");
    expect(undone).toEqual(["room", "told", "seat"]);
    undone = [];
    expect((await t.run(failing)).error).toMatchObject({ message: "no car" });
    expect(undone).toEqual(["seat"]);
    await expect(failing.call({})).rejects.toThrow("no car");
    expect(undone).toEqual(["seat", "seat"]);
    const crashes = await t.crashAtEveryStep(asked, undefined, {
      reset: () => {
        standing = [];
        undone = [];
      },
      effects: () => ({ standing, told: undone.includes("told") }),
      outcome: ({ state }) => state,
      drive: (run) => t.cancel(run.id),
    });
    expect(crashes).toBeGreaterThan(20);
    const bare = workflow(({ step }) => step.saga().onCancel("tell", undefined as never));
    await expect(bare.call({})).rejects.toMatchObject({ code: "invalid_step" });
  });

  test("lets go when it is cancelled while it runs, and makes good what is on record", async () => {
    const running = signal();
    const mill = await Mill.create(
      workflow(async ({ step, signal: stop }) => {
        const saga = step.saga();
        await saga.step("seat", make("seat"), undo);
        running.fire();
        await aborted(stop);
      }),
    );
    await mill.startWorker();
    const id = await mill.enqueue("workflow");
    await running.promise;
    expect(await cancel(mill.db, by("test"), { runId: id, reason: null })).toBe("asked");
    await mill.untilState(id, "cancelled");
    expect([standing, undone]).toEqual([[], ["seat"]]);
  });

  test("does not continue as a new one when it is to end", async () => {
    const job = workflow(async ({ step, continueAsNew }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      const came = await step.waitFor(go).catch(() => null);
      if (came) await step.waitFor(go);
      return continueAsNew();
    });
    await using t = await testKit({ job });
    const run = await t.run(job);
    await t.emit(go, {});
    await t.cancel(run.id);
    expect(await t.find(run.id)).toMatchObject({ state: "cancelled", continuedAs: null });
    expect(undone).toEqual(["seat"]);
  });

  test("waits for room like any other, but gives way to no newer run of its key", async () => {
    const held = signal();
    const mill = await Mill.create(
      defineJob({
        name: "limited",
        input: z.object({ tenant: z.string(), holds: z.boolean().default(false) }),
        concurrency: { key: "tenant", limit: 1, whenFull: "replace-waiting" },
        async run({ holds }, { step }) {
          if (holds) return held.promise;
          const saga = step.saga();
          await saga.step("seat", make("seat"), undo);
          await step.waitFor(go);
        },
      }),
    );
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("limited", { tenant: "a" });
    await mill.untilState(id, "waiting");
    const holder = await mill.enqueue("limited", { tenant: "a", holds: true });
    await mill.untilState(holder, "running");
    expect(await cancel(mill.db, by("test"), { runId: id, reason: null })).toBe("compensating");
    const replaced = await mill.enqueue("limited", { tenant: "a" });
    const newest = await mill.enqueue("limited", { tenant: "a" });
    await mill.untilState(replaced, "cancelled");
    expect(undone).toEqual([]);
    held.fire();
    await mill.untilState(id, "cancelled");
    expect(undone).toEqual(["seat"]);
    await mill.untilState(newest, "waiting");
  });

  test("stands in one place, whoever was to end it", async () => {
    const mill = await Mill.create(workflow(booked));
    const held = async () => {
      await mill.enqueue("workflow");
      const one = await claimOne(mill, "workflow");
      await mill.db.query("update millrace.run set compensates = true where id = $1", [one.run]);
      return one;
    };
    const failure = { class: "Error", message: "no", stack: null };
    const evidence = {
      died: "process",
      lane: "process",
      exitCode: 1,
      signal: null,
      outOfMemory: false,
      memoryBytes: null,
      memoryLimitBytes: null,
      lastLine: null,
      said: null,
    } as const;
    const ends = [
      { verdict: "stop", failure: null },
      { verdict: "fail", failure },
      { verdict: "retry", delayMs: 0, failure },
      { verdict: "release" },
      { verdict: "suspend", due: new Date(Date.now() + 3_600_000) },
      { verdict: "continue", input: "{}" },
      { verdict: "crash", failure, evidence },
      null,
    ] as const;
    for (const end of ends) {
      const { worker, lease, run } = await held();
      await cancel(mill.db, by("test"), { runId: run, reason: null });
      if (end) await settle(mill.db, worker, [{ leaseId: lease, runId: run, ...end }]);
      else {
        await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
        await takeBackLost(mill.db);
      }
      expect((await mill.run(run)).state, end?.verdict ?? "lost").toBe("queued");
      expect(await places(mill, run), end?.verdict ?? "lost").toEqual([{ places: 1 }]);
      const cause = end?.verdict === "fail" ? "failed" : "cancelled";
      expect(
        await mill.rows("select cause, done from millrace.unwinding where run_id = $1", [run]),
      ).toEqual([{ cause, done: false }]);
      await mill.db.query("truncate millrace.ready");
    }
    expect(await mill.rows("select 1 from millrace.dead_letter")).toEqual([]);
    expect(await mill.rows("select 1 from millrace.run where continued_from is not null")).toEqual(
      [],
    );
  });

  test("is made good whatever crashes, when it is cancelled and when it fails", async () => {
    const cancelled = workflow(booked);
    const failing = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      await saga.step("room", make("room"), undo);
      throw new NonRetryableError("no car");
    }, "failing");
    await using t = await testKit({ cancelled, failing });
    const all = {
      reset: () => {
        standing = [];
        undone = [];
      },
      effects: () => ({ standing, first: undone[0], last: undone.at(-1) }),
      outcome: ({ state, steps }: { state: string; steps: readonly { name: string }[] }) => ({
        state,
        steps: steps.map(({ name }) => name),
      }),
    };
    expect(
      await t.crashAtEveryStep(cancelled, undefined, {
        ...all,
        drive: (run) => t.cancel(run.id),
      }),
    ).toBeGreaterThan(20);
    expect(await t.crashAtEveryStep(failing, undefined, all)).toBeGreaterThan(20);
  });

  test("is refused a step that is named like a compensation, and one without a way back", async () => {
    const named = workflow(({ step }) => step("undo:seat", () => 1));
    await expect(named.call({})).rejects.toMatchObject({ code: "invalid_step" });
    const bare = workflow(({ step }) =>
      step.saga().step("seat", make("seat"), undefined as unknown as typeof undo),
    );
    await expect(bare.call({})).rejects.toMatchObject({ code: "invalid_step" });
  });

  test("makes it good in job.call when the handler throws", async () => {
    const job = workflow(async ({ step }) => {
      const saga = step.saga();
      await saga.step("seat", make("seat"), undo);
      await saga.step("room", make("room"), undo);
      throw new Error("no car");
    });
    await expect(job.call({})).rejects.toThrow("no car");
    expect(undone).toEqual(["room", "seat"]);
  });
});
