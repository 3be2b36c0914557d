import { type Context, type EmitOptions, defineEvent, defineJob } from "@millrace/sdk";
import { settle } from "millrace";
import { testKit } from "millrace/testing";
import { describe, expect, test } from "vitest";
import { Emitter } from "../../packages/server/src/engine/emitter.ts";
import { keepPublished, prunePublished } from "../../packages/server/src/store/published.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill } from "../support/mill.ts";

const go = defineEvent({ name: "go" });

function workflow(run: (ctx: Context) => unknown) {
  return defineJob({
    name: "workflow",
    retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
    run: (_input, ctx) => run(ctx),
  });
}

async function started(run: (ctx: Context) => unknown) {
  const mill = await Mill.create(workflow(run));
  await mill.startWorker();
  await mill.startDispatcher();
  const emitter = new Emitter(mill.db, (queue) => mill.bell.ring(queue), mill.logger);
  const emit = (name: string, more: EmitOptions = {}) => emitter.emit({ name, ...more });
  return { mill, emit };
}

const published = async (mill: Mill, id: string) =>
  Object.fromEntries(
    (
      await mill.rows<{ key: string; value: unknown }>(
        "select key, value from millrace.published where run_id = $1",
        [id],
      )
    ).map(({ key, value }) => [key, value]),
  );

describe("what a run publishes", () => {
  test("is there while it waits, and after it has ended, though the handler waited for none of it", async () => {
    const { mill, emit } = await started(async ({ step, publish }) => {
      void publish("stage", "waiting");
      void publish("count", 1);
      await step.waitFor(go);
      void publish("stage", { done: true });
    });
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    expect(await published(mill, id)).toEqual({ stage: "waiting", count: 1 });
    await emit("go");
    await mill.untilState(id, "completed");
    expect(await published(mill, id)).toEqual({ stage: { done: true }, count: 1 });
  });

  test("is on record when its promise has settled, of a key the last value", async () => {
    const seen: unknown[] = [];
    const { mill } = await started(async ({ publish, runId }) => {
      await Promise.all([1, 2, 3].map((n) => publish("n", n)));
      seen.push(await published(mill, runId));
    });
    await mill.untilState(await mill.enqueue("workflow"), "completed");
    expect(seen).toEqual([{ n: 3 }]);
  });

  test("does not go back while the handler is executed anew over its checkpoints", async () => {
    const seen: unknown[] = [];
    const { mill } = await started(async ({ step, publish, attempt, runId }) => {
      await publish("stage", `first of ${attempt}`);
      seen.push((await published(mill, runId)).stage);
      await step("one", () => 1);
      await publish("stage", "second");
      seen.push((await published(mill, runId)).stage);
      if (attempt === 1) throw new Error("again");
      await step("two", () => 2);
      await publish("stage", "third");
      seen.push((await published(mill, runId)).stage);
      if (attempt === 2) throw new Error("again");
    });
    await mill.untilState(await mill.enqueue("workflow"), "completed");
    expect(seen).toEqual([
      ...["first of 1", "second"],
      ...["second", "second", "third"],
      ...["third", "third", "third"],
    ]);
  });

  test("since the last checkpoint is what the newest attempt has published", async () => {
    const { mill } = await started(async ({ step, publish, attempt }) => {
      await step("one", () => 1);
      void publish("try", attempt);
      // A barrier takes a number in the order of the checkpoints, and is none.
      if (attempt < 3) await step("two", () => Promise.reject(new Error("again")));
    });
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "completed");
    expect(await published(mill, id)).toEqual({ try: 3 });
  });

  test("counts a failure that the handler survived as every later attempt does", async () => {
    const { mill } = await started(async ({ step, publish, attempt }) => {
      await step("one", () => Promise.reject(new Error("no"))).catch(() => {});
      void publish("stage", `survived, ${attempt}`);
      await step("two", () => 2);
      void publish("stage", `after two, ${attempt}`);
      if (attempt === 1) throw new Error("again");
    });
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "completed");
    expect(await published(mill, id)).toEqual({ stage: "after two, 2" });
  });

  test("is refused at once when it is none, and the run has failed for good", async () => {
    const { mill } = await started(({ publish }) => publish("", 1));
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "failed");
    const [dead] = await mill.rows("select error_class, error_message from millrace.dead_letter");
    expect(dead).toMatchObject({ error_message: expect.stringContaining("not a key to publish") });
    expect((await mill.run(id)).attempts).toBe(1);
  });

  test.each<[string, (publish: Context["publish"]) => void, string]>([
    ["too large", (publish) => void publish("big", "x".repeat(65_536)), "65536 are allowed"],
    ["no JSON", (publish) => void publish("odd", new Map()), "Map"],
    [
      "under too many keys",
      (publish) => {
        for (let n = 0; n <= 100; n++) void publish(`key ${n}`, n);
      },
      "100 keys",
    ],
  ])("%s fails the run for good, though nobody waited for it", async (_what, make, words) => {
    const { mill } = await started(({ publish }) => make(publish));
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "failed");
    const [dead] = await mill.rows<{ error_message: string }>(
      "select error_message from millrace.dead_letter",
    );
    expect(dead!.error_message).toContain(words);
    const kept = Object.keys(await published(mill, id));
    expect(kept.length).toBeLessThanOrEqual(100);
    expect((await mill.run(id)).attempts).toBe(1);
  });

  test("is not kept of an attempt that has lost its run", async () => {
    const mill = await Mill.create(workflow(() => null));
    await mill.enqueue("workflow");
    const { worker, lease, run } = await claimOne(mill, "workflow");
    const publish = (checkpoints: number, number: number, value: number) =>
      keepPublished(
        mill.db,
        worker,
        [lease],
        [run],
        ["n"],
        [String(value)],
        [checkpoints],
        [1],
        [number],
        100,
      );
    expect(await publish(1, 1, 1)).toEqual([{ held: true, room: true }]);
    // Carried out late: the one before it, and one from before the checkpoint.
    expect(await publish(1, 0, 0)).toEqual([{ held: true, room: true }]);
    expect(await publish(0, 2, 0)).toEqual([{ held: true, room: true }]);
    expect(await published(mill, run)).toEqual({ n: 1 });
    await settle(mill.db, worker, [{ leaseId: lease, runId: run, verdict: "release" }]);
    expect(await publish(2, 3, 2)).toEqual([{ held: false, room: false }]);
    expect(await published(mill, run)).toEqual({ n: 1 });
    await mill.db.query("delete from millrace.run");
    const nil = "00000000-0000-0000-0000-000000000000";
    expect(await prunePublished(mill.db, nil, 10)).toEqual([{ pruned: 1, last: null }]);
  });

  test("is the same whatever crashes", async () => {
    const job = workflow(async ({ step, publish }) => {
      void publish("stage", 0);
      await step("one", () => 1);
      void publish("stage", 1);
      await step.sleep("a while", "1h");
      void publish("stage", 2);
      await step("two", () => 2);
      void publish("stage", 3);
    });
    await using t = await testKit({ job });
    const crashes = await t.crashAtEveryStep(job, undefined, {
      drive: () => t.advance("1h"),
      outcome: ({ state, published: last }) => ({ state, last }),
    });
    expect(crashes).toBeGreaterThan(10);
    expect((await t.run(job)).published).toEqual({ stage: 1 });
  });
});

test("job.call checks what is published, and keeps it nowhere", async () => {
  const good = workflow(async ({ publish }) => {
    await publish("stage", 1);
    return "done";
  });
  expect(await good.call({})).toBe("done");
  const bad = workflow(({ publish }) => publish("stage", Number.NaN));
  await expect(bad.call({})).rejects.toMatchObject({ code: "invalid_json" });
});
