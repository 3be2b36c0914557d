import {
  ChildCancelledError,
  ChildFailedError,
  ChildTimeoutError,
  type Context,
  defineJob,
} from "@millrace/sdk";
import { cancel, settle } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { keepGate } from "../../packages/server/src/engine/keep-gate.ts";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { WaitPruner } from "../../packages/server/src/maintenance/wait-pruner.ts";
import { callChildren } from "../../packages/server/src/store/children.ts";
import { by } from "../support/caller.ts";
import { claimOne } from "../support/claim-one.ts";
import { double, endless, errorOf, parent, startedFamily, statesOf } from "../support/family.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

describe("a step that calls another job", () => {
  test("makes one run of it, holds no worker, and gives its output", async () => {
    const attempts: number[] = [];
    const mill = await startedFamily(async ({ step, attempt }) => {
      attempts.push(attempt);
      const four = await step.call(double, { n: 2 });
      return step.call(double, { n: four });
    });
    const { id } = await mill.intake.accept({
      job: "parent",
      trigger: "api",
      correlationId: "order 7",
    });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 8, failures: 0 });
    expect(attempts).toEqual([1, 2, 3]);
    expect(
      await mill.rows(
        "select trigger::text, correlation_id, input from millrace.run where job = 'double' order by id",
      ),
    ).toEqual([
      { trigger: "parent", correlation_id: "order 7", input: { n: 2 } },
      { trigger: "parent", correlation_id: "order 7", input: { n: 4 } },
    ]);
    expect(await mill.rows("select 1 from millrace.waiter")).toEqual([]);
  });

  test("goes three deep", async () => {
    const levels = [1, 2, 3].reduce(
      (jobs, level) => {
        const below = jobs[0]!;
        const job = defineJob({
          name: `level-${level}`,
          input: z.object({ n: z.number() }),
          run: async ({ n }, { step }): Promise<number> =>
            1 + ((await step.call(below, { n })) as number),
        });
        return [job, ...jobs];
      },
      [double as ReturnType<typeof defineJob>],
    );
    const mill = await Mill.create(...levels);
    await mill.startWorker({ concurrency: 1 });
    const id = await mill.enqueue("level-3", { n: 5 });
    expect((await mill.untilState(id, "completed")).output).toBe(13);
  });

  test("throws what became of the child, in every later attempt the same, and a handler may go on", async () => {
    const seen: unknown[] = [];
    const mill = await startedFamily(async ({ step, attempt }) => {
      const failed = await step.call(double, { n: -1 }).catch((error: unknown) => error);
      seen.push(failed);
      if (attempt < 4) throw new Error("once more");
      return (failed as ChildFailedError).errorMessage;
    });
    const id = await mill.enqueue("parent");
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: "-1 is negative" });
    const [child] = await mill.rows<{ id: string }>(
      "select id from millrace.run where job = 'double'",
    );
    expect(seen).toHaveLength(3);
    for (const error of seen) {
      expect(error).toBeInstanceOf(ChildFailedError);
      expect(error).toMatchObject({ runId: child!.id, job: "double", errorClass: "RangeError" });
    }
  });

  test("that fails and is not caught fails its run at once: a retry would get the same", async () => {
    const mill = await startedFamily(({ step }) => step.call(double, { n: -1 }));
    const id = await mill.enqueue("parent");
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 1 });
    expect(await errorOf(mill, id)).toMatch(/^ChildFailedError: run .* of job double failed/);
  });

  test("throws when its child is cancelled", async () => {
    const mill = await startedFamily(({ step }) =>
      step.call(endless, {}).catch((error: unknown) => error instanceof ChildCancelledError),
    );
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    const [child] = await mill.rows<{ run_id: string }>("select run_id from millrace.child");
    await mill.untilState(child!.run_id, "running");
    await cancel(mill.db, by("ana"), { runId: child!.run_id, reason: null });
    expect((await mill.untilState(id, "completed")).output).toBe(true);
  });

  test("waits no longer than its timeout, and cancels the child then", async () => {
    const errors: unknown[] = [];
    const mill = await startedFamily(async ({ step, attempt }) => {
      await step.call(endless, {}, { timeout: "1h" }).catch((error: unknown) => errors.push(error));
      if (attempt === 2) throw new Error("once more");
    });
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    await mill.db.query("update millrace.waiter set due_at = clock_timestamp()");
    await mill.db.query("update millrace.timer set due_at = clock_timestamp()");
    await mill.untilState(id, "completed");
    const [{ run_id: child }] = (await mill.rows("select run_id from millrace.child")) as [
      { run_id: string },
    ];
    expect(errors).toEqual([expect.any(ChildTimeoutError), expect.any(ChildTimeoutError)]);
    expect(errors[1]).toMatchObject({ runId: child, job: "endless" });
    await meetWaits(mill.db);
    await mill.untilState(child, "cancelled");
  });

  test("tells the child its queue, priority, delay and time to live", async () => {
    const mill = await startedFamily(({ step }) =>
      step.call(
        double,
        { n: 1 },
        { name: "later", queue: "default", priority: 7, delay: "1h", ttl: "2h" },
      ),
    );
    const id = await mill.enqueue("parent");
    await mill.untilState(id, "waiting");
    const [child] = await mill.rows<{ id: string }>(
      `select r.id, r.queue, r.priority, c.name, t.reason, r.expires_at - t.due_at = interval '2 hours' as lives
       from millrace.run r join millrace.child c on c.run_id = r.id join millrace.timer t on t.run_id = r.id`,
    );
    expect(child).toMatchObject({
      queue: "default",
      priority: 7,
      name: "later",
      reason: "delay",
      lives: true,
    });
    const [{ said }] = (await mill.rows("select millrace.awaited($1) as said", [id])) as [
      { said: string },
    ];
    expect(said).toBe(`run ${child!.id} of job double`);
  });

  test("makes a run of its own of a job that is debounced", async () => {
    const debounced = defineJob({ name: "debounced", debounce: { wait: "1h" }, run: () => "done" });
    const mill = await Mill.create(
      parent(({ step }) => Promise.all([step.call(debounced, {}), step.call(debounced, {})])),
      debounced,
    );
    await mill.startWorker();
    const id = await mill.enqueue("parent");
    expect((await mill.untilState(id, "completed")).output).toEqual(["done", "done"]);
  });

  test("is told of a child that completes in a transaction of its own", async () => {
    const paying = defineJob({
      name: "paying",
      run: async (_input, { completeIn }) => {
        const client = await mill.db.connect();
        try {
          await client.query("begin");
          await completeIn(client, { paid: true });
          await client.query("commit");
        } finally {
          client.release();
        }
        return { paid: true };
      },
    });
    const mill: Mill = await Mill.create(
      parent(({ step }) => step.call(paying, {})),
      paying,
    );
    await mill.startWorker();
    const id = await mill.enqueue("parent");
    expect((await mill.untilState(id, "completed")).output).toEqual({ paid: true });
  });

  test("is told of a child that has not started within its time to live", async () => {
    const mill = await startedFamily(({ step }) =>
      step
        .call(double, { n: 1 }, { queue: "later", ttl: "1ms" })
        .catch((error: unknown) => error instanceof ChildCancelledError),
    );
    await mill.db.query("insert into millrace.queue (name) values ('later')");
    const id = await mill.enqueue("parent");
    await until("the parent has ended", async () => {
      await keepGate(mill.db);
      await meetWaits(mill.db, (queue) => mill.bell.ring(queue));
      return (await mill.state(id)) === "completed";
    });
    expect((await mill.run(id)).output).toBe(true);
  });

  test("goes on beside a step that is under way", async () => {
    const work = signal();
    const mill = await startedFamily(async ({ step, attempt }) => {
      await Promise.all([
        step.call(double, { n: 1 }).then(() => work.fire()),
        step("work", () => work.promise),
      ]);
      return attempt;
    });
    const id = await mill.enqueue("parent");
    expect((await mill.untilState(id, "completed")).output).toBe(1);
  });

  test.each<[string, (ctx: Context) => unknown, RegExp]>([
    ["no job", ({ step }) => step.call({ ...double }, { n: 1 }), /give it a job/],
    [
      "an unknown option",
      ({ step }) => step.call(double, { n: 1 }, { retry: 1 } as never),
      /retry is not an option; the options are name, queue/,
    ],
    [
      "an input that the job does not take",
      ({ step }) => step.call(double, { n: "1" } as never),
      /call "double": input of double: \/n/,
    ],
    [
      "a priority",
      ({ step }) => step.call(double, { n: 1 }, { priority: 101 }),
      /priority must be a whole number/,
    ],
    ["no time", ({ step }) => step.call(double, { n: 1 }, { ttl: "0s" }), /ttl must be a length/],
    [
      "a fan-out over no list",
      ({ step }) => step.fanOut(double, { n: 1 } as never),
      /give it a list/,
    ],
    [
      "more than 10,000 inputs",
      ({ step }) =>
        step.fanOut(
          double,
          Array.from({ length: 10_001 }, (_, n) => ({ n })),
        ),
      /10001 inputs are too many, 10000 are allowed; give each run a part/,
    ],
    [
      "a concurrency of nothing",
      ({ step }) => step.fanOut(double, [{ n: 1 }], { concurrency: 0 }),
      /concurrency must be/,
    ],
    [
      "one wrong input of a fan-out",
      ({ step }) => step.fanOut(double, [{ n: 1 }, { n: "2" } as never]),
      /fan-out "double", input 1: input of double: \/n/,
    ],
    [
      "another way with failures",
      ({ step }) => step.fanOut(double, [], { failures: "ignore" } as never),
      /failures is "stop" or "collect"/,
    ],
  ])("is refused %s, for good, and nothing is made", async (_what, run, message) => {
    const mill = await startedFamily(run);
    const id = await mill.enqueue("parent");
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 1 });
    expect(await errorOf(mill, id)).toMatch(message);
    expect(await mill.rows("select 1 from millrace.child")).toEqual([]);
  });

  test("is told that no server knows the job, or that there is no such queue", async () => {
    const stranger = defineJob({ name: "stranger", run: () => 1 });
    const mill = await startedFamily(({ step }, { n }) =>
      n === 0 ? step.call(stranger, {}) : step.call(double, { n }, { queue: "nowhere" }),
    );
    const ids = [await mill.enqueue("parent"), await mill.enqueue("parent", { n: 1 })];
    for (const id of ids) await mill.untilState(id, "failed");
    expect(await errorOf(mill, ids[0]!)).toMatch(/no server has registered the job stranger/);
    expect(await errorOf(mill, ids[1]!)).toMatch(/there is no queue nowhere for the job double/);
  });
});

describe("a call, as the database keeps it", () => {
  async function held() {
    const mill = await Mill.create(
      parent(() => null),
      double,
    );
    const id = await mill.enqueue("parent");
    const { lease, worker } = await claimOne(mill, "parent");
    const call = (more: object = {}) =>
      callChildren(
        mill.db,
        worker,
        JSON.stringify([
          {
            ...{ lease, run: id, name: "double", ordinal: 1, kind: "call", forMs: null },
            ...{ job: "double", options: {}, collect: false, atOnce: 1, inputs: [{ n: 1 }] },
            ...more,
          },
        ]),
      );
    return { mill, id, lease, worker, call };
  }

  test("is made once, however often it is sent", async () => {
    const { mill, call } = await held();
    const [first] = await call();
    const again = await Promise.all([call(), call(), call()]);
    expect(first).toMatchObject({ held: true, met: false, queues: ["default"] });
    for (const [row] of again) expect(row).toMatchObject({ held: true, queues: [] });
    expect(await statesOf(mill, "double")).toEqual({ queued: 1 });
  });

  test("is not made for who has lost the lease, nor for a run that has ended", async () => {
    const { mill, id, lease, call } = await held();
    const [other] = await call({ lease: lease + 1 });
    expect(other).toMatchObject({ held: false });
    await mill.db.query("update millrace.run set state = 'cancelled' where id = $1", [id]);
    expect(await call()).toEqual([expect.objectContaining({ held: false })]);
    expect(await statesOf(mill, "double")).toEqual({});
  });

  test("whose child has ended before its run is suspended lets the run go on", async () => {
    const { mill, id, lease, worker, call } = await held();
    await call();
    await mill.startWorker({ queues: ["default"] });
    const [{ run_id: child }] = (await mill.rows("select run_id from millrace.child")) as [
      { run_id: string },
    ];
    await mill.untilState(child, "completed");
    await until("the call has its result", async () => {
      const [row] = await mill.rows("select value from millrace.waiter where met_at is not null");
      return row;
    });
    await mill.db.query("update millrace.queue set paused_at = now() where name = 'default'");
    const due = new Date("2100-01-01");
    await settle(mill.db, worker, [{ leaseId: lease, runId: id, verdict: "suspend", due }]);
    expect(await mill.rows("select 1 from millrace.timer")).toEqual([]);
  });

  test("is forgotten with its children's list when its run is no more", async () => {
    const { mill, id, call } = await held();
    await call();
    await mill.db.query(
      "insert into millrace.child (parent, name, ordinal, number) values ('01900000-0000-7000-8000-000000000000', 'old', 1, 0)",
    );
    const pruner = new WaitPruner({ db: mill.db, logger: mill.logger, retentionMs: 86_400_000 });
    await pruner.start();
    await until("it has looked", async () => {
      return (await mill.rows("select 1 from millrace.child")).length === 1;
    });
    await pruner.stop();
    expect(await mill.rows("select parent from millrace.child")).toEqual([{ parent: id }]);
  });
});

describe("job.call", () => {
  const called = (run: (ctx: Context) => unknown) => parent(run).call({ n: 0 });

  test("calls children in place, some at a time", async () => {
    let [open, most] = [0, 0];
    const slow = defineJob({
      name: "slow",
      input: z.object({ n: z.number() }),
      run: async ({ n }) => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setImmediate(resolve));
        open--;
        return new Date(n);
      },
    });
    const inputs = [1, 2, 3, 4, 5].map((n) => ({ n }));
    expect(
      await called(async ({ step }) => [
        await step.call(double, { n: 2 }),
        await step.fanOut(double, inputs),
        await step.fanOut(slow, inputs, { concurrency: 2 }),
        await step.fanOut(double, []),
      ]),
    ).toEqual([
      4,
      [2, 4, 6, 8, 10],
      // As JSON keeps it, like the output of a run.
      inputs.map(({ n }) => new Date(n).toISOString()),
      [],
    ]);
    expect(most).toBe(2);
  });

  test("throws what a worker would throw", async () => {
    await expect(called(({ step }) => step.call(double, { n: -1 }))).rejects.toMatchObject({
      name: "ChildFailedError",
      errorClass: "RangeError",
      cause: expect.any(RangeError),
    });
    await expect(
      called(({ step }) => step.call(endless, {}, { timeout: "10ms" })),
    ).rejects.toBeInstanceOf(ChildTimeoutError);
    await expect(called(({ step }) => step.call(double, {} as never))).rejects.toMatchObject({
      code: "invalid_input",
    });
    const both = called(({ step }) =>
      step.fanOut(double, [{ n: 1 }, { n: -1 }], { failures: "collect" }),
    );
    expect(await both).toMatchObject([
      { status: "fulfilled", value: 2 },
      { status: "rejected", reason: { job: "double", errorClass: "RangeError" } },
    ]);
  });
});
