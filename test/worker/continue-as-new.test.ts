import { type Context, type EmitOptions, defineEvent, defineJob } from "@millrace/sdk";
import { type WorkerOptions, cancel, settle } from "millrace";
import { testKit } from "millrace/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { Emitter } from "../../packages/server/src/engine/emitter.ts";
import { pruneChains } from "../../packages/server/src/store/chains.ts";
import { openRuns } from "../../packages/server/src/store/occurrences.ts";
import { noteEnds } from "../../packages/server/src/store/operations.ts";
import { by } from "../support/caller.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const Input = z.object({ n: z.int().default(0), by: z.string().default("nobody") });
type Given = z.input<typeof Input>;

function chained(
  run: (ctx: Context<Given>, input: z.output<typeof Input>) => unknown,
  more: { debounce?: { wait: "1ms" } } = {},
) {
  return defineJob({
    name: "chained",
    input: Input,
    retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
    ...more,
    run: (input, ctx) => run(ctx, input),
  });
}

async function started(job: ReturnType<typeof chained>, options?: Partial<WorkerOptions>) {
  const mill = await Mill.create(job);
  await mill.startWorker(options);
  await mill.startDispatcher();
  const emitter = new Emitter(mill.db, (queue) => mill.bell.ring(queue), mill.logger);
  const emit = (name: string, payload?: unknown, more: EmitOptions = {}) =>
    emitter.emit({ name, payload, ...more });
  return { mill, emit };
}

type Link = {
  id: string;
  state: string;
  output: unknown;
  continued_from: string | null;
  continued_as: string | null;
};

/** The runs of the only chain, in order. */
const chainOf = (mill: Mill) =>
  mill.rows<Link>(
    "select id, millrace.state_of(id, state)::text as state, output, continued_from, continued_as from millrace.run order by id",
  );

async function untilEnded(mill: Mill, length: number): Promise<Link[]> {
  await until("the chain has ended", async () => {
    const runs = await chainOf(mill);
    return runs.length === length && runs.every(({ state }) => state === "completed");
  });
  return chainOf(mill);
}

const untilWaiting = async (mill: Mill, length: number): Promise<Link> => {
  await until("the last waits", async () => {
    const runs = await chainOf(mill);
    return runs.length === length && runs.at(-1)!.state === "waiting";
  });
  return (await chainOf(mill)).at(-1)!;
};

const tick = defineEvent({ name: "tick", payload: z.int() });

describe("a run that continues as a new one", () => {
  test("has completed with nothing but the link, and its successor begins with an empty record in its place", async () => {
    const { mill } = await started(
      chained(async ({ step, continueAsNew, attempt, correlationId, trigger }, { n }) => {
        await step("count", () => n);
        if (n < 2) return continueAsNew({ n: n + 1 });
        return { n, attempt, correlationId, trigger };
      }),
    );
    await mill.intake.accept({
      job: "chained",
      input: { by: "Ada" },
      trigger: "api",
      priority: 7,
      correlationId: "order-1",
    });
    const [first, second, third] = await untilEnded(mill, 3);
    expect(first).toMatchObject({ output: null, continued_from: null, continued_as: second!.id });
    expect(second).toMatchObject({ continued_from: first!.id, continued_as: third!.id });
    expect(third).toMatchObject({
      continued_from: second!.id,
      continued_as: null,
      output: { n: 2, attempt: 1, correlationId: "order-1", trigger: "api" },
    });
    expect(
      await mill.rows("select input, priority, attempts from millrace.run order by id"),
    ).toEqual([
      { input: { by: "Ada" }, priority: 7, attempts: 1 },
      { input: { n: 1 }, priority: 7, attempts: 1 },
      { input: { n: 2 }, priority: 7, attempts: 1 },
    ]);
    expect(await mill.rows("select run_id, value from millrace.step order by run_id")).toEqual([
      { run_id: first!.id, value: 0 },
      { run_id: second!.id, value: 1 },
      { run_id: third!.id, value: 2 },
    ]);
    const told = await mill.rows("select run_id, event, detail from millrace.event order by seq");
    expect(told.slice(0, 2)).toEqual([
      { run_id: first!.id, event: "continued", detail: { run: second!.id } },
      { run_id: second!.id, event: "continues", detail: { run: first!.id } },
    ]);
  });

  test("has one successor, whatever crashes", async () => {
    const job = chained(async ({ step, continueAsNew }, { n }) => {
      await step("count", () => n);
      return n < 1 ? continueAsNew({ n: n + 1 }) : n;
    });
    await using t = await testKit({ job });
    const crashes = await t.crashAtEveryStep(
      job,
      {},
      {
        outcome: ({ state, output, steps }) => ({ state, output, steps: steps.length }),
      },
    );
    // Before and after the checkpoint and the outcome of both, and as a zombie.
    expect(crashes).toBe(12);
  });

  test("is a run of its own where calls of the job become one", async () => {
    const { mill } = await started(
      chained(({ continueAsNew }, { n }) => (n < 1 ? continueAsNew({ n: 1 }) : n), {
        debounce: { wait: "1ms" },
      }),
    );
    await mill.enqueue("chained");
    expect((await untilEnded(mill, 2)).at(-1)!.output).toBe(1);
  });

  test.each<[string, (ctx: Context<Given>) => unknown, string]>([
    [
      "with an input that the schema refuses",
      ({ continueAsNew }) => continueAsNew({ n: "one" as unknown as number }),
      "continueAsNew: input of chained: /n",
    ],
    [
      "with an input that is too large",
      ({ continueAsNew }) => continueAsNew({ by: "x".repeat(256 * 1024) }),
      "262144 are allowed",
    ],
    [
      "and returns something else",
      async ({ continueAsNew }) => {
        await continueAsNew({ n: 1 });
        return 1;
      },
      "write return ctx.continueAsNew(input)",
    ],
  ])("%s fails for good, and has no successor", async (_what, run, words) => {
    const { mill } = await started(chained((ctx) => run(ctx)));
    const id = await mill.enqueue("chained");
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
    const [dead] = await mill.rows<{ error_message: string }>(
      "select error_message from millrace.dead_letter",
    );
    expect(dead!.error_message).toContain(words);
    expect(await chainOf(mill)).toHaveLength(1);
  });

  test("is refused a successor when its lease was lost", async () => {
    const mill = await Mill.create(chained(() => null));
    await mill.enqueue("chained");
    const { worker, lease, run } = await claimOne(mill, "chained");
    const ids = { leaseId: lease, runId: run };
    await settle(mill.db, worker, [{ ...ids, verdict: "release" }]);
    const verdict = { verdict: "continue", input: "{}" } as const;
    expect(await settle(mill.db, worker, [{ ...ids, ...verdict }])).toEqual(["lease lost"]);
    expect(await chainOf(mill)).toHaveLength(1);
  });

  test("is cancelled instead when that was asked for while it ran; afterwards its successor is", async () => {
    const mill = await Mill.create(chained(() => null));
    await mill.enqueue("chained");
    const one = await claimOne(mill, "chained");
    const verdict = { verdict: "continue", input: "{}" } as const;
    const ask = (runId: string) => cancel(mill.db, by("test"), { runId, reason: null });
    expect(await ask(one.run)).toBe("asked");
    const ids = { leaseId: one.lease, runId: one.run };
    expect(await settle(mill.db, one.worker, [{ ...ids, ...verdict }])).toEqual(["recorded"]);
    expect(await chainOf(mill)).toMatchObject([{ state: "cancelled", continued_as: null }]);

    await mill.enqueue("chained");
    const other = await claimOne(mill, "chained");
    const others = { leaseId: other.lease, runId: other.run };
    await settle(mill.db, other.worker, [{ ...others, ...verdict }]);
    expect(await ask(other.run)).toBe("cancelled");
    expect((await chainOf(mill)).map(({ state }) => state)).toEqual([
      ...["cancelled", "completed", "cancelled"],
    ]);
    await expect(ask(other.run)).rejects.toMatchObject({ code: "run_finished" });
  });

  test("counts as open for its schedule and its operation as long as the last of its chain", async () => {
    const mill = await Mill.create(chained(() => null));
    const id = await mill.enqueue("chained");
    await mill.db.query(
      `insert into millrace.occurrence (schedule, nominal, at, outcome, run_id, open) values ('s', now(), now(), 'fired', $1, true)`,
      [id],
    );
    await mill.db.query(
      "insert into millrace.operation_member (operation_id, place, run_id, rerun_id) values (1, 1, gen_random_uuid(), $1)",
      [id],
    );
    const { worker, lease } = await claimOne(mill, "chained");
    await settle(mill.db, worker, [
      { leaseId: lease, runId: id, verdict: "continue", input: "{}" },
    ]);
    expect(await noteEnds(mill.db, 1, 0, 10)).toMatchObject([{ looked: 1, completed: 0 }]);
    const last = (await chainOf(mill)).at(-1)!.id;
    expect(await openRuns(mill.db, ["s"])).toMatchObject([{ run_id: last }]);
    await cancel(mill.db, by("test"), { runId: id, reason: null });
    expect(await openRuns(mill.db, ["s"])).toEqual([]);
    expect(await noteEnds(mill.db, 1, 0, 10)).toMatchObject([{ looked: 1, cancelled: 1 }]);
  });

  test("leaves what it has published to its successor", async () => {
    const { mill } = await started(
      chained(async ({ continueAsNew, publish }, { n }) => {
        if (n === 0) void publish("balance", 10);
        void publish("round", n);
        return n < 1 ? continueAsNew({ n: n + 1 }) : n;
      }),
    );
    await mill.enqueue("chained");
    const [, last] = await untilEnded(mill, 2);
    expect(
      await mill.rows("select key, value from millrace.published where run_id = $1 order by key", [
        last!.id,
      ]),
    ).toEqual([
      { key: "balance", value: 10 },
      { key: "round", value: 1 },
    ]);
  });
});

describe("events of a chain", () => {
  /** Takes two, then goes on as a new run; ends with the fifth. */
  const taker = () =>
    chained(async ({ step, continueAsNew, log }, { n, by }) => {
      const first = await step.waitFor(tick);
      const second = n === 4 ? null : await step.waitFor(tick);
      log.info("took");
      const got = `${by},${first}${second === null ? "" : `,${second}`}`;
      return second === null ? got : continueAsNew({ n: n + 2, by: got });
    });

  test("that are sent to one of its runs are taken by the current one, each once and in order", async () => {
    const { mill, emit } = await started(taker());
    const first = await mill.enqueue("chained");
    await mill.untilState(first, "waiting");
    // The third is there before its taker is.
    for (const n of [1, 2, 3]) await emit("tick", n, { run: first });
    const second = await untilWaiting(mill, 2);
    await emit("tick", 4, { run: first, idempotencyKey: "four" });
    expect(await emit("tick", 4, { run: second.id, idempotencyKey: "four" })).toMatchObject({
      created: false,
    });
    const third = await untilWaiting(mill, 3);
    await emit("tick", 5, { run: second.id });
    const last = (await untilEnded(mill, 3)).at(-1)!;
    expect(last).toMatchObject({ id: third.id, output: "nobody,1,2,3,4,5" });
    await expect(emit("tick", 6, { run: first })).rejects.toMatchObject({ code: "run_finished" });
  });

  test("that are sent to all count from when its first run was accepted, each once", async () => {
    const { mill, emit } = await started(taker());
    await emit("tick", 0);
    // What was sent in the millisecond in which the run was accepted counts as sent since.
    await mill.db.query("select pg_sleep(0.002)");
    await mill.untilState(await mill.enqueue("chained"), "waiting");
    for (const n of [1, 2, 3, 4, 5]) await emit("tick", n);
    expect((await untilEnded(mill, 3)).at(-1)!.output).toBe("nobody,1,2,3,4,5");
  });

  test("reach it by the id of its first run when that is no more", async () => {
    const { mill, emit } = await started(taker());
    const first = await mill.enqueue("chained");
    await mill.untilState(first, "waiting");
    for (const n of [1, 2]) await emit("tick", n, { run: first });
    const second = await untilWaiting(mill, 2);
    await mill.db.query("delete from millrace.run where id = $1", [first]);
    for (const n of [3, 4, 5]) await emit("tick", n, { run: first });
    await until("it has ended", async () =>
      (await chainOf(mill)).some(({ output }) => output === "nobody,1,2,3,4,5"),
    );
    expect((await chainOf(mill))[0]).toMatchObject({ id: second.id, continued_from: first });
    await mill.db.query("delete from millrace.run");
    const nil = "00000000-0000-0000-0000-000000000000";
    expect(await pruneChains(mill.db, nil, 10)).toEqual([{ pruned: 1, last: null }]);
  });

  test("are remembered as taken up to a thousand, and those before do not count any more", async () => {
    const mill = await Mill.create(chained(() => null));
    const root = await mill.enqueue("chained");
    const continueOne = async () => {
      const { worker, lease, run } = await claimOne(mill, "chained");
      await mill.db.query(
        `with e as (select (millrace.emit('tick', to_jsonb(n))).id from generate_series(1, 600) n)
         insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, source)
         select $1, 'tick', row_number() over (), 'event', row_number() over (), 1, now(), now(), id from e`,
        [run],
      );
      await settle(mill.db, worker, [
        { leaseId: lease, runId: run, verdict: "continue", input: "{}" },
      ]);
    };
    const chain = () =>
      mill.rows<{ taken: number; whole: boolean }>(
        "select cardinality(taken) as taken, since = millrace.uuid_floor(millrace.uuid_time(id)) as whole from millrace.chain where id = $1",
        [root],
      );
    await continueOne();
    expect(await chain()).toEqual([{ taken: 600, whole: true }]);
    await continueOne();
    expect(await chain()).toEqual([{ taken: 1000, whole: false }]);
  });
});

test("a parent waits for the last of the chain of each of its children", async () => {
  const child = defineJob({
    name: "child",
    input: z.object({ n: z.int() }),
    run: ({ n }, { continueAsNew }) => (n % 10 < 2 ? continueAsNew({ n: n + 1 }) : n),
  });
  const parent = defineJob({
    name: "parent",
    async run(_input, { step }) {
      const one = await step.call(child, { n: 0 });
      return [one, ...(await step.fanOut(child, [{ n: 10 }, { n: 21 }, { n: 32 }]))];
    },
  });
  await using t = await testKit({ child, parent });
  const run = await t.run(parent);
  expect(run).toMatchObject({ state: "completed", output: [2, 12, 22, 32] });
});

test("a child that continues after its parent has ended is cancelled", async () => {
  let last = "";
  const child = chained(async ({ step, continueAsNew, runId }, { n }) => {
    last = runId;
    if (n < 1) return continueAsNew({ n: 1 });
    return step.waitFor(tick);
  });
  const parent = defineJob({
    name: "parent",
    run: (_input, { step }) => step.call(child, {}, { timeout: "1h" }).catch(() => "late"),
  });
  await using t = await testKit({ child, parent });
  const waiting = await t.run(parent);
  expect(waiting.state).toBe("waiting");
  await t.advance("2h");
  expect((await t.find(waiting.id)).output).toBe("late");
  expect((await t.find(last)).state).toBe("cancelled");
});

test("job.call calls the handler again, and gives what the last gave", async () => {
  const job = defineJob({
    name: "count",
    input: z.object({ n: z.int() }),
    async run({ n }, { continueAsNew, step }) {
      await step("same name", () => n);
      if (n < 3) return continueAsNew({ n: n + 1 });
      return `done at ${n}`;
    },
  });
  const output = await job.call({ n: 0 });
  expectTypeOf(output).toEqualTypeOf<string>();
  expect(output).toBe("done at 3");
  const wrong = defineJob({
    name: "wrong",
    input: z.object({ n: z.int() }),
    // @ts-expect-error: the input of a successor is that of the job
    run: (_input, { continueAsNew }) => continueAsNew({ m: 1 }),
  });
  await expect(wrong.call({ n: 1 })).rejects.toMatchObject({ code: "invalid_input" });
});
