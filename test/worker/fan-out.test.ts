import { type ChildFailedError, type Context, type FanOutOptions, defineJob } from "@millrace/sdk";
import { cancel } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { by } from "../support/caller.ts";
import { double, endless, errorOf, parent, startedFamily, statesOf } from "../support/family.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

const fan =
  (options?: FanOutOptions) =>
  ({ step }: Context, { n }: { n: number }) =>
    step.fanOut(double, numbers(n), options as { failures?: "stop" });

describe("a fan-out", () => {
  test("of 1,000 on one worker gives the results in the order of the inputs, by one step", async () => {
    const mill = await startedFamily(fan());
    const id = await mill.enqueue("parent", { n: 1000 });
    expect((await mill.untilState(id, "completed")).output).toEqual(
      numbers(1000).map(({ n }) => 2 * n),
    );
    expect(await mill.rows("select kind, failed from millrace.step")).toEqual([
      { kind: "fan-out", failed: false },
    ]);
    expect(await statesOf(mill, "double")).toEqual({ completed: 1000 });
  });

  test("has no more children open than its concurrency", async () => {
    let [open, most] = [0, 0];
    const counted = defineJob({
      name: "counted",
      input: z.object({ n: z.number() }),
      run: async ({ n }) => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setImmediate(resolve));
        open--;
        return n;
      },
    });
    const mill = await Mill.create(
      parent(({ step }) => step.fanOut(counted, numbers(50), { concurrency: 3 })),
      counted,
    );
    await mill.startWorker();
    const id = await mill.enqueue("parent");
    expect((await mill.untilState(id, "completed")).output).toHaveLength(50);
    expect(most).toBe(3);
  });

  test("of nothing gives nothing", async () => {
    const mill = await startedFamily(fan());
    const id = await mill.enqueue("parent", { n: 0 });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: [], attempts: 1 });
  });

  test("stops at the first that does not complete: what is open is cancelled, and no more is started", async () => {
    const job = defineJob({
      name: "some",
      input: z.object({ n: z.number() }),
      retry: { maxAttempts: 1 },
      run: ({ n }, ctx) => {
        if (n === 2) throw new RangeError("two");
        return endless.handle({}, ctx);
      },
    });
    const mill = await Mill.create(
      parent(({ step }) =>
        step
          .fanOut(job, numbers(10), { concurrency: 4 })
          .catch((error: unknown) => (error as ChildFailedError).errorMessage),
      ),
      job,
    );
    await mill.startWorker();
    const id = await mill.enqueue("parent");
    expect((await mill.untilState(id, "completed")).output).toBe("two");
    await until("no child is open", async () => {
      await meetWaits(mill.db);
      const { failed, cancelled } = await statesOf(mill, "some");
      return failed === 1 && cancelled === 3;
    });
    await meetWaits(mill.db);
    expect(await mill.rows("select number from millrace.child order by 1")).toHaveLength(4);
    expect(await mill.rows("select failed from millrace.step")).toEqual([{ failed: true }]);
    const [event] = await mill.rows<{ detail: { reason: string } }>(
      "select detail from millrace.event where actor = 'parent' limit 1",
    );
    expect(event!.detail.reason).toBe(`run ${id} waits for step "some" no more`);
  });

  test("collects failures where it is told to", async () => {
    const mill = await startedFamily(async ({ step }) => {
      const results = await step.fanOut(double, [{ n: 1 }, { n: -1 }, { n: 3 }], {
        failures: "collect",
        concurrency: 1,
      });
      return results.map((result) =>
        result.status === "fulfilled" ? result.value : result.reason.errorClass,
      );
    });
    const id = await mill.enqueue("parent");
    expect((await mill.untilState(id, "completed")).output).toEqual([2, "RangeError", 6]);
  });

  test("collects one that was cancelled, too", async () => {
    const mill = await startedFamily(({ step }) =>
      step.fanOut(endless, [{}, {}], { failures: "collect" }),
    );
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    const children = await mill.rows<{ run_id: string }>(
      "select run_id from millrace.child order by number",
    );
    for (const { run_id: runId } of children) {
      await cancel(mill.db, by("ana"), { runId, reason: null });
    }
    expect((await mill.untilState(id, "completed")).output).toMatchObject(
      children.map(({ run_id: runId }) => ({
        status: "rejected",
        reason: { runId, job: "endless", errorClass: "ChildCancelledError" },
      })),
    );
  });

  test("fails for good when its results are more than a run may keep", async () => {
    const large = defineJob({ name: "large", run: () => "x".repeat(1024 ** 2 - 10) });
    const mill = await Mill.create(
      parent(({ step }) =>
        step.fanOut(
          large,
          Array.from({ length: 40 }, () => ({})),
        ),
      ),
      large,
    );
    await mill.startWorker();
    const id = await mill.enqueue("parent");
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 1 });
    expect(await errorOf(mill, id)).toMatch(
      /fan-out "large": what its runs gave has [34]\d{7} bytes/,
    );
  });

  test("says in its reason how many it waits for", async () => {
    const mill = await Mill.create(
      parent(({ step }) => step.fanOut(double, numbers(1200), { concurrency: 2 })),
      double,
    );
    const worker = await mill.startWorker({ concurrency: 1 });
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    await worker.stop();
    const [{ said, left }] = (await mill.rows(
      "select millrace.awaited($1) as said, (select total - ended from millrace.waiter) as left",
      [id],
    )) as [{ said: string; left: number }];
    expect(said).toBe(`${left.toLocaleString("en-GB")} of 1,200 runs of job double`);
  });

  test("is counted right by many lookers at once, on three workers", async () => {
    const mill = await startedFamily(fan({ concurrency: 20 }));
    await mill.startWorker();
    await mill.startWorker();
    const ids = await Promise.all([1, 2, 3].map(() => mill.enqueue("parent", { n: 200 })));
    let over = false;
    const looker = async () => {
      while (!over) await meetWaits(mill.db);
    };
    const lookers = [looker(), looker()];
    for (const id of ids) {
      expect((await mill.untilState(id, "completed")).output).toEqual(
        numbers(200).map(({ n }) => 2 * n),
      );
    }
    over = true;
    await Promise.all(lookers);
    expect(await statesOf(mill, "double")).toEqual({ completed: 600 });
    // The last parent may have ended after the last look, and no `Waker` runs here; a worker may be in the middle of a look of its own.
    await until("nothing is left to look at", async () => {
      await meetWaits(mill.db);
      const left = await mill.rows(
        "select 1 from millrace.child_end union all select 1 from millrace.orphaning",
      );
      return left.length === 0;
    });
  });
});

describe("a run that ends while its children are open", () => {
  const allCancelled = (mill: Mill, count: number) =>
    until("no child is open", async () => {
      await meetWaits(mill.db);
      const states = await statesOf(mill, "endless");
      return states["cancelled"] === count && Object.keys(states).length === 1;
    });

  test("because it was cancelled leaves none of 50 open, running or queued", async () => {
    const mill = await startedFamily(({ step }) =>
      step.fanOut(
        endless,
        Array.from({ length: 60 }, () => ({})),
        { concurrency: 50 },
      ),
    );
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    await until("ten run", async () => (await statesOf(mill, "endless"))["running"] === 10);
    await cancel(mill.db, by("ana"), { runId: id, reason: null });
    await allCancelled(mill, 50);
    expect(await mill.rows("select 1 from millrace.child where run_id is null")).toEqual([]);
    expect(await mill.rows("select 1 from millrace.waiter")).toEqual([]);
  });

  test("cancels theirs, too", async () => {
    const middle = defineJob({
      name: "middle",
      run: (_input, { step }) => step.call(endless, {}),
    });
    const mill = await Mill.create(
      parent(({ step }) => step.call(middle, {})),
      middle,
      endless,
    );
    await mill.startWorker();
    const id = await mill.enqueue("parent");
    await until("three deep", async () => (await statesOf(mill, "endless"))["running"] === 1);
    await mill.untilState(id, "waiting");
    await cancel(mill.db, by("ana"), { runId: id, reason: null });
    await allCancelled(mill, 1);
    expect(await statesOf(mill, "middle")).toEqual({ cancelled: 1 });
  });

  test("because its worker died too often cancels them", async () => {
    const mill = await startedFamily(({ step }) => step.call(endless, {}));
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    // As the reaper ends it: without a word to its waits.
    await mill.db.query("update millrace.run set state = 'failed' where id = $1", [id]);
    await allCancelled(mill, 1);
    expect(await mill.rows("select 1 from millrace.waiter")).toEqual([]);
  });

  test.each<[string, (ctx: Context, began: Promise<void>) => unknown, string]>([
    [
      "because a race was lost",
      ({ step }, began) => Promise.race([step.call(endless, {}), step("now", () => began)]),
      "completed",
    ],
    [
      "because it failed",
      ({ step }, began) =>
        Promise.all([
          step.call(endless, {}),
          step("fails", async () => {
            await began;
            throw new Error("it failed");
          }),
        ]),
      "failed",
    ],
  ])("%s cancels them without anybody else who looks", async (_why, run, state) => {
    const began = signal();
    const child = defineJob({
      name: "endless",
      run: (_input, ctx) => {
        began.fire();
        return endless.handle({}, ctx);
      },
    });
    const mill = await Mill.create(
      parent((ctx) => run(ctx, began.promise)),
      child,
    );
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("parent");
    await mill.untilState(id, state);
    await until("the child is cancelled", async () => {
      return (await statesOf(mill, "endless"))["cancelled"] === 1;
    });
  });
});
