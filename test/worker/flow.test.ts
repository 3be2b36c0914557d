import {
  after,
  defineFlow,
  defineJob,
  NonRetryableError,
  RetryAfterError,
  on,
} from "@millrace/sdk";
import { cancel, JobRegistry } from "millrace";
import { type TestKit, type TestKitOptions, type TestRun, testKit } from "millrace/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { by } from "../support/caller.ts";
import { endless } from "../support/family.ts";
import { until } from "../support/until.ts";
import { Mill } from "../support/mill.ts";

async function kit(jobs: object, options: TestKitOptions = {}): Promise<TestKit> {
  const databaseUrl = process.env["MILLRACE_TEST_PG_URL"]!;
  const t = await testKit(jobs, { databaseUrl, ...options });
  onTestFinished(() => t[Symbol.asyncDispose]());
  return t;
}

const half = defineJob({
  name: "half",
  input: z.object({ n: z.number() }),
  retry: { maxAttempts: 1 },
  run: ({ n }) => {
    if (n < 0) throw new RangeError(`${n} has no half`);
    return n / 2;
  },
});

const once = { retry: { maxAttempts: 1 } } as const;

describe("a flow", () => {
  test("gives each node what those before it gave, as it was, and the run's input", async () => {
    const nightly = defineFlow({ name: "nightly", input: z.object({ day: z.string() }) })
      .node("extract", ({ input }) => [{ at: new Date(0), day: input.day }])
      .node("transform", after("extract"), ({ extract, input }) =>
        extract.map(({ at, day }) => [at.getUTCFullYear(), day, input.day]),
      )
      .node("count", after("extract"), ({ extract }) => extract.length)
      .node("load", after("transform", "count"), ({ transform, count }) => ({ transform, count }));
    const t = await kit({ nightly });
    const run = await t.run(nightly, { day: "monday" });
    expect(run).toMatchObject({
      state: "completed",
      attempts: 1,
      output: { load: { transform: [[1970, "monday", "monday"]], count: 1 } },
    });
    expect(run.output satisfies { load: unknown } | null).not.toBeNull();
  });

  test("maps functions over a list, children over another, and keeps their order", async () => {
    let [open, most] = [0, 0];
    const wide = defineFlow({ name: "wide", input: z.object({ n: z.int() }) })
      .node("list", ({ input }) => Array.from({ length: input.n }, (_, n) => n))
      .map(
        "squares",
        { ...after("list"), concurrency: 3 },
        ({ list }) => list,
        async (n, { index }) => {
          most = Math.max(most, ++open);
          await new Promise((resolve) => setImmediate(resolve));
          open--;
          return n * index;
        },
      )
      .children("halves", after("squares"), half, ({ squares }) => squares.map((n) => ({ n })))
      .child("one", after("squares"), half, ({ squares }) => ({ n: squares.at(-1)! }));
    const t = await kit({ wide, half });
    const run = await t.run(wide, { n: 8 });
    expect(run.output).toEqual({ halves: [0, 0.5, 2, 4.5, 8, 12.5, 18, 24.5], one: 24.5 });
    expect(most).toBe(3);
  });

  test("maps nothing to nothing", async () => {
    const empty = defineFlow({ name: "empty" })
      .map(
        "none",
        {},
        () => [] as number[],
        (n) => n,
      )
      .children("nobody", {}, half, () => []);
    const t = await kit({ empty, half });
    expect((await t.run(empty)).output).toEqual({ none: [], nobody: [] });
  });
});

describe("a node that fails", () => {
  /** Which nodes were called. */
  const world: string[] = [];
  const call = (name: string) => () => world.push(name) && name;
  const fail = (name: string) => () => {
    world.push(name);
    throw new TypeError(`no ${name}`);
  };

  const night = defineFlow({ name: "night", ...once })
    .node("extract", fail("extract"))
    .node("other", call("other"))
    .node("load", after("extract"), call("load"))
    .node("more", after("load"), call("more"))
    .node("clean", after.anyFailed("more", "other"), ({ more, other }) => {
      world.push("clean");
      return [more, other.state];
    })
    .node("any", after.anyCompleted("load", "other"), call("any"))
    .node("none", after.anyCompleted("load", "more"), call("none"))
    .node("last", after.done("clean", "none"), call("last"))
    .node("calm", after.anyFailed("other"), call("calm"))
    .node("hushed", after("calm"), call("hushed"));

  test("does not end the flow before all others that can run have, and fails it then", async () => {
    world.length = 0;
    const t = await kit({ night });
    const run = await t.run(night);
    expect(run).toMatchObject({
      state: "failed",
      attempts: 1,
      error: { class: "NodeFailedError", message: "node extract failed: TypeError: no extract" },
    });
    expect(world).toEqual(["extract", "other", "clean", "any", "last"]);
    expect(run.steps.find(({ name }) => name === "clean")?.value).toEqual([
      { state: "skipped", because: "extract" },
      "completed",
    ]);
  });

  test("does not fail the flow where it may fail", async () => {
    const lenient = defineFlow({ name: "lenient", ...once })
      .node("mail", { mayFail: true }, fail("mail"))
      .node("after", after("mail"), call("after"))
      .node("anyhow", after.done("mail"), ({ mail }) => mail);
    const t = await kit({ lenient });
    expect(await t.run(lenient)).toMatchObject({
      state: "completed",
      output: {
        after: null,
        anyhow: { state: "failed", error: { class: "TypeError", message: "no mail" } },
      },
    });
  });

  test("names all that failed", async () => {
    const two = defineFlow({ name: "two", ...once })
      .node("one", fail("one"))
      .node("two", fail("two"))
      .child("three", {}, half, () => ({ n: -1 }));
    const t = await kit({ two, half });
    expect((await t.run(two)).error?.message).toBe(
      "node one failed: TypeError: no one; so did two, three",
    );
  });

  test("that is a child has failed as its job's retries say", async () => {
    const parent = defineFlow({ name: "parent" })
      .child("half", {}, half, () => ({ n: -1 }))
      .node("note", after.anyFailed("half"), ({ half }) =>
        half.state === "failed" ? half.error.class : half.state,
      );
    const t = await kit({ parent, half });
    const run = await t.run(parent);
    expect(run.state).toBe("failed");
    expect(run.error?.message).toMatch(
      /^node half failed: ChildFailedError: run .* failed: RangeError: -1 has no half$/,
    );
    expect(run.steps.find(({ name }) => name === "note")?.value).toBe("ChildFailedError");
  });

  test("that is a child whose job nobody knows yet has not failed: the attempt has, and the next one calls it", async () => {
    const parent = defineFlow({ name: "parent", retry: { maxAttempts: 3, firstDelay: "1ms" } })
      .node("n", () => 3)
      .child("half", after("n"), half, ({ n }) => ({ n }));
    const mill = await Mill.create(parent);
    const id = await mill.enqueue("parent");
    const worker = await mill.startWorker();
    await until("it has failed once", async () => (await mill.run(id)).failures === 1);
    await worker.stop();
    await new JobRegistry([half]).register(mill.db);
    await mill.startWorker({ registry: new JobRegistry([parent, half]) });
    await mill.startDispatcher();
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: { half: 1.5 } });
  });

  test("ends a map at its first item, or is collected", async () => {
    const taken: number[] = [];
    const each = (n: number) => {
      taken.push(n);
      if (n === 1) throw new RangeError("one");
      return n;
    };
    const stop = defineFlow({ name: "stop", ...once }).map(
      "items",
      { concurrency: 1 },
      () => [0, 1, 2],
      each,
    );
    const collect = defineFlow({ name: "collect", ...once }).map(
      "items",
      { failures: "collect" },
      () => [0, 1, 2],
      each,
    );
    const t = await kit({ stop, collect });
    expect((await t.run(stop)).error?.message).toBe("node items failed: RangeError: item 1: one");
    expect(taken).toEqual([0, 1]);
    expect((await t.run(collect)).output).toEqual({
      items: [
        { state: "completed", value: 0 },
        { state: "failed", error: { class: "RangeError", message: "one" } },
        { state: "completed", value: 2 },
      ],
    });
  });
});

describe("the retries of a node", () => {
  test("are the flow's or its own, hold no worker, and leave the others alone", async () => {
    const tries = { a: 0, b: 0, c: 0 };
    const flaky = defineFlow({
      name: "flaky",
      retry: { maxAttempts: 3, firstDelay: "1h", maxDelay: "1h" },
    })
      .node("a", () => {
        if (++tries.a < 3) throw new Error("not yet");
        return tries.a;
      })
      .node("b", () => ++tries.b)
      .node("c", { ...after("b"), retry: { maxAttempts: 2 } }, () => {
        tries.c++;
        throw new Error("never");
      })
      .node("d", after.done("a", "c"), ({ a, c }) => [a.state, c.state]);
    const t = await kit({ flaky });
    const run = await t.run(flaky);
    expect(run).toMatchObject({ state: "waiting", error: null });
    expect(tries).toMatchObject({ a: 1, b: 1 });
    await t.advance("3h");
    expect(tries).toEqual({ a: 3, b: 1, c: 2 });
    expect(await t.find(run.id)).toMatchObject({
      state: "failed",
      error: { message: "node c failed: Error: never" },
    });
  });

  test("end with an error that says so, with a rule, and with the time that they have", async () => {
    const tries = new Map<string, number>();
    const failing = (name: string, error: Error) => () => {
      tries.set(name, (tries.get(name) ?? 0) + 1);
      throw error;
    };
    const hopeless = defineFlow({ name: "hopeless" })
      .node("final", failing("final", new NonRetryableError("no")))
      .node(
        "ruled",
        { retry: { rules: [on(TypeError, "never")] } },
        failing("ruled", new TypeError("no")),
      )
      .node(
        "late",
        { retry: { maxElapsed: "1ms", rules: [on(Error, 10_000)] } },
        failing("late", new Error("no")),
      );
    const t = await kit({ hopeless });
    expect((await t.run(hopeless)).state).toBe("failed");
    expect([...tries.values()]).toEqual([1, 1, 1]);
  });

  test("go by the backoff of the node where a rule breaks, and the log says so", async () => {
    const rules = [
      on((error) => {
        throw new TypeError(`cannot read ${(error as Error).message}`);
      }),
    ];
    const broken = defineFlow({ name: "broken" }).node(
      "a",
      { retry: { maxAttempts: 2, firstDelay: "1ms", rules } },
      () => Promise.reject(new Error("no")),
    );
    const mill = await Mill.create(broken);
    await mill.startWorker();
    await mill.untilState(await mill.enqueue("broken"), "failed");
    const lines = await mill.rows("select message, fields from millrace.log where level = 'error'");
    const told = {
      message: "a retry rule failed, so the backoff of the node decides",
      fields: { node: "a", error: "TypeError: cannot read no" },
    };
    expect(lines).toEqual([told, told]);
  });

  test("obey a server that asks to wait for the node alone, and say so where all were to wait", async () => {
    let calls = 0;
    const busy = defineFlow({ name: "busy", ...once }).node(
      "ask",
      { retry: { maxAttempts: 2, firstDelay: "1h" } },
      () => {
        if (++calls === 1) throw new RetryAfterError("busy", 1, { hold: "job" });
        return calls;
      },
    );
    const mill = await Mill.create(busy);
    await mill.startWorker();
    const id = await mill.enqueue("busy");
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: { ask: 2 } });
    expect(await mill.rows("select level, message, fields from millrace.log")).toEqual([
      {
        level: "warn",
        message: 'hold "job" is for jobs, so this node waits alone; make a child of it',
        fields: { node: "ask" },
      },
    ]);
  });

  test("of a try that takes too long begin with its timeout", async () => {
    let tries = 0;
    const slow = defineFlow({ name: "slow", retry: { firstDelay: "1ms" } }).node(
      "slow",
      { timeout: "5ms" },
      (_needs, { signal }) => {
        if (++tries > 1) return tries;
        return new Promise<number>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      },
    );
    const t = await kit({ slow });
    expect((await t.run(slow)).output).toEqual({ slow: 2 });
  });
});

describe("whatever crashes, comes to the same", () => {
  const robust = { retry: { maxAttempts: 2, firstDelay: "1ms", maxDelay: "1ms" } } as const;
  const stepsToo = {
    outcome: ({ state, output, steps }: TestRun) => ({
      state,
      output,
      steps: steps.map(({ name, kind }) => `${name} ${kind}`).sort(),
    }),
  };

  test("a flow of branches, a map, retries, skips and limits", async () => {
    const functions = defineFlow({
      name: "functions",
      input: z.object({ n: z.int() }),
      ...robust,
      nodeConcurrency: 2,
    })
      .node("list", ({ input }) => Array.from({ length: input.n }, (_, n) => n))
      .node("broken", { mayFail: true }, () => {
        throw new RangeError("broken");
      })
      .map(
        "twice",
        { ...after("list"), concurrency: 2 },
        ({ list }) => list,
        (n) => 2 * n,
      )
      .node("skipped", after("broken"), () => "never")
      .node("mend", after.anyFailed("skipped"), () => "mended")
      .node("sum", after.done("twice", "mend"), ({ twice, mend }) => [twice, mend]);
    const t = await kit({ functions });
    expect(await t.crashAtEveryStep(functions, { n: 3 }, stepsToo)).toBeGreaterThan(30);
  }, 120_000);

  test("a flow of large values", async () => {
    const heavy = defineFlow({ name: "heavy", ...robust })
      .node("extract", () => new Uint8Array(300_000).fill(7))
      .map(
        "halves",
        after("extract"),
        ({ extract }) => [extract.length, 1],
        (n) => "x".repeat(n * 2),
      )
      .node("load", after("extract", "halves"), ({ extract, halves }) => [
        extract.at(-1),
        halves.map(({ length }) => length),
      ]);
    const t = await kit({ heavy }, { valueStore: true });
    expect(await t.crashAtEveryStep(heavy, {}, stepsToo)).toBeGreaterThan(15);
    expect((await t.run(heavy)).output).toEqual({ load: [7, [600_000, 2]] });
  }, 120_000);

  test("a flow of children, beside a node that is tried again", async () => {
    const families = defineFlow({ name: "families", ...robust })
      .node("list", () => [1, 2])
      .children("halves", after("list"), half, ({ list }) => list.map((n) => ({ n })))
      .child("lost", { ...after("list"), mayFail: true }, half, () => ({ n: -1 }))
      .node("broken", { mayFail: true }, () => {
        throw new RangeError("broken");
      })
      .node("sum", after.done("halves", "lost"), ({ halves, lost }) => [halves, lost.state]);
    const t = await kit({ families, half });
    expect(await t.crashAtEveryStep(families, {}, stepsToo)).toBeGreaterThan(20);
  }, 120_000);
});

describe("a flow is refused", () => {
  const base = () => defineFlow({ name: "refused" }).node("a", () => 1);
  const untyped = () => base() as unknown as Record<string, (...given: unknown[]) => unknown>;
  const give = () => 1;

  test.each<[what: string, make: () => unknown, why: string]>([
    ["with a node without a function", () => untyped()["node"]!("b", {}), "must be a function"],
    ["with two nodes of a name", () => untyped()["node"]!("a", give), "two nodes are named a"],
    ["with a node named input", () => untyped()["node"]!("input", give), "can be named input"],
    [
      "with a name of blanks",
      () => untyped()["node"]!("b c", give),
      '"b c" is not the name of a node',
    ],
    [
      "with a node after one that is not above it",
      () => untyped()["node"]!("b", { after: ["a", "c"] }, give),
      'flow refused: node b comes after "c", which is no node above it (a); define that one first: so no cycle can be written',
    ],
    [
      "with a node after itself",
      () => untyped()["node"]!("b", { after: ["b"] }, give),
      "node b comes after itself: b -> b",
    ],
    [
      "with a rule that is none",
      () => untyped()["node"]!("b", { after: ["a"], when: "sometimes" }, give),
      '"sometimes" is not one of all completed, any completed, any failed, done',
    ],
    [
      "with a rule about nothing",
      () => untyped()["node"]!("b", { when: "done" }, give),
      "needs nodes that it comes after",
    ],
    [
      "with an option that is none",
      () => untyped()["node"]!("b", { retires: 3 }, give),
      "retires is not an option; the options are after, when, mayFail, retry, timeout",
    ],
    [
      "with a timeout that is none",
      () => untyped()["node"]!("b", { timeout: "soon" }, give),
      "flow refused: node b: it: timeout",
    ],
    [
      "with a retry that is none",
      () => untyped()["node"]!("b", { retry: { maxAttempts: 0 } }, give),
      "retry.maxAttempts: 0",
    ],
    [
      "with a map of no concurrency",
      () => untyped()["map"]!("b", { concurrency: 0 }, give, give),
      "concurrency 0 is not a whole number from 1 to 1000",
    ],
    [
      "with a child that is no job",
      () => untyped()["child"]!("b", {}, give, give),
      "give it a job, as defineJob makes them",
    ],
    [
      "with a budget",
      () => defineFlow({ name: "b", retry: { budget: { limit: 1, per: "1s" } } as never }),
      "retry.budget counts attempts of runs",
    ],
    [
      "with a handler beside its nodes",
      () => defineFlow({ name: "b", run: give } as never),
      "flow b: run is not an option of a flow, whose nodes say what it does",
    ],
    [
      "with batches",
      () => defineFlow({ name: "b", batch: { size: 2, wait: "1s" } } as never),
      "flow b: batch is not an option of a flow",
    ],
    [
      "with no room for a node",
      () => defineFlow({ name: "b", nodeConcurrency: 0 }),
      "nodeConcurrency 0 is not a whole number from 1 to 500",
    ],
    [
      "with more edges than its graph has room for",
      () => {
        let flow = untyped();
        for (let n = 0; n < 100; n++) {
          const before = Array.from({ length: n }, (_, place) => `node-of-a-long-name-${place}`);
          const options = n > 0 ? { after: ["a", ...before] } : {};
          flow = flow["node"]!(`node-of-a-long-name-${n}`, options, give) as typeof flow;
        }
      },
      "its graph has more than the 100 kB that it may have; let nodes come after fewer others",
    ],
  ])("%s", (_what, make, why) => {
    expect(make).toThrow(expect.objectContaining({ code: "invalid_job" }));
    expect(make).toThrow(why);
  });

  test("without nodes, when it runs", async () => {
    const nothing = defineFlow({ name: "nothing" });
    const t = await kit({ nothing });
    expect((await t.run(nothing)).error?.message).toBe("flow nothing has no nodes; add some");
  });
});

describe("the code of a flow", () => {
  test("must have the nodes that the run began with", async () => {
    const before = defineFlow({ name: "changing", ...once })
      .node("a", () => 1)
      .child("wait", after("a"), endless, () => ({}));
    const now = defineFlow({ name: "changing", retry: { maxAttempts: 2, firstDelay: "1ms" } })
      .node("a", () => 1)
      .node("b", after("a"), () => 2)
      .child("wait", after("b"), endless, () => ({}));
    const mill = await Mill.create(before, endless);
    const worker = await mill.startWorker();
    const id = await mill.enqueue("changing");
    await mill.untilState(id, "waiting");
    await worker.stop();
    const [child] = await mill.rows<{ run_id: string }>("select run_id from millrace.child");
    await cancel(mill.db, by("ana"), { runId: child!.run_id, reason: null });
    await meetWaits(mill.db);
    await mill.startWorker({ registry: new JobRegistry([now]) });
    await mill.startDispatcher();
    const why = await until("the run is parked", async () => {
      const [row] = await mill.rows<{ why: string | null }>(
        "select millrace.why_parked($1) as why",
        [id],
      );
      return row!.why;
    });
    expect(why).toBe(
      "the flow has changed since the run began, in node b, wait; a worker with the code that the run began with can finish it, or rerun it",
    );
    expect(await mill.run(id)).toMatchObject({ state: "waiting", failures: 0 });
  });

  test("works without a server", async () => {
    const here = defineFlow({ name: "here", retry: { firstDelay: "1ms" } })
      .map(
        "items",
        {},
        () => [1, 2],
        (n) => n + 1,
      )
      .children("halves", after("items"), half, ({ items }) => items.map((n) => ({ n })))
      .output(({ items, halves }) => ({ items, halves }));
    expect(await here.call()).toEqual({ items: [2, 3], halves: [1, 1.5] });
  });
});
