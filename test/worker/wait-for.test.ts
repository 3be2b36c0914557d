import { type Context, type EmitOptions, defineEvent, defineJob } from "@millrace/sdk";
import { type WorkerOptions, cancel, settle } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Emitter } from "../../packages/server/src/engine/emitter.ts";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { WaitPruner } from "../../packages/server/src/maintenance/wait-pruner.ts";
import { inTransaction } from "../../packages/server/src/store/database.ts";
import { askWaits, lookBack, takeWaits } from "../../packages/server/src/store/waits.ts";
import { by } from "../support/caller.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill, signal } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { until } from "../support/until.ts";

const signed = defineEvent({
  name: "contract.signed",
  payload: z.object({
    account: z.string(),
    at: z.coerce.date().optional(),
    by: z.object({ id: z.number() }).optional(),
  }),
});

const tick = defineEvent({ name: "tick" });

function workflow(run: (ctx: Context, input: { account: string }) => unknown) {
  return defineJob({
    name: "workflow",
    input: z.object({ account: z.string().default("none") }),
    retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
    run: (input, ctx) => run(ctx, input),
  });
}

async function started(
  run: (ctx: Context, input: { account: string }) => unknown,
  options?: Partial<WorkerOptions>,
) {
  const mill = await Mill.create(workflow(run));
  await mill.startWorker(options);
  await mill.startDispatcher();
  const emitter = new Emitter(mill.db, (queue) => mill.bell.ring(queue), mill.logger);
  const emit = (name: string, payload?: unknown, more: EmitOptions = {}) =>
    emitter.emit({ name, payload, ...more });
  return { mill, emit };
}

const waitsOf = (mill: Mill, id: string) =>
  mill.rows("select name from millrace.waiter where run_id = $1", [id]);

describe("a step that waits for an event", () => {
  test("holds no worker, and is woken by the event with what its schema makes of the payload", async () => {
    const attempts: number[] = [];
    const { mill, emit } = await started(async ({ step, attempt }) => {
      attempts.push(attempt);
      const got = await step.waitFor(signed);
      return { year: got?.at?.getUTCFullYear(), account: got?.account };
    });
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    expect(
      await emit("contract.signed", { account: "a", at: "2026-01-02T00:00:00Z" }),
    ).toMatchObject({ created: true });
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { year: 2026, account: "a" },
      attempts: 2,
      failures: 0,
    });
    expect(attempts).toEqual([1, 2]);
    expect(await waitsOf(mill, id)).toEqual([]);
  });

  test("gets what was sent since its run was accepted, and nothing from before", async () => {
    const { mill, emit } = await started(async ({ step }) => {
      await step("first", () => null);
      return await step.waitFor(tick, { timeout: "1h" });
    });
    await emit("tick", "before");
    // What was sent in the millisecond in which the run was accepted counts as sent since.
    await mill.db.query("select pg_sleep(0.002)");
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    const worker = await mill.workerRow();
    await emit("tick", "after");
    expect((await mill.untilState(id, "completed")).output).toBe("after");
    // Asked for long after the event was sent.
    await mill.db.query("update millrace.worker set state = 'draining' where id = $1", [worker]);
    const late = signal();
    const { mill: other, emit: emitThere } = await started(async ({ step }) => {
      await step("work", () => late.promise);
      return await step.waitFor(tick);
    });
    const second = await other.enqueue("workflow");
    await other.untilState(second, "running");
    await emitThere("tick", "meanwhile");
    await until("it was looked at", async () => {
      const rows = await other.rows("select 1 from millrace.arrival");
      return rows.length === 0;
    });
    late.fire();
    expect((await other.untilState(second, "completed")).output).toBe("meanwhile");
  });

  test("gets only what matches, down to the type of a value, among many runs that wait for other values", async () => {
    const { mill, emit } = await started(
      async ({ step }, { account }) =>
        (await step.waitFor(signed, { where: { account, "by.id": 7 } }))?.account,
    );
    const ids = await Promise.all(
      ["a", "b", "c"].map((account) => mill.enqueue("workflow", { account })),
    );
    for (const id of ids) await mill.untilState(id, "waiting");
    await emit("contract.signed", { account: "b" });
    await emit("contract.signed", { account: "b", by: { id: "7" } });
    await emit("contract.signed", { account: "b", by: { id: 8 } });
    await emit("contract.other", { account: "b", by: { id: 7 } });
    await emit("contract.signed", { account: "b", by: { id: 7 } });
    expect((await mill.untilState(ids[1]!, "completed")).output).toBe("b");
    expect(await mill.state(ids[0]!)).toBe("waiting");
    expect(await mill.state(ids[2]!)).toBe("waiting");
    const [{ said }] = (await mill.rows("select millrace.awaited($1) as said", [ids[0]])) as [
      { said: string },
    ];
    expect(said).toBe('event contract.signed with {"by.id": 7, "account": "a"}');
  });

  test("compares by keys that an object has from elsewhere, and up to 1,000 bytes of them", async () => {
    const keys = { constructor: 1, "a.toString": true, é: "", ["k".repeat(500)]: 0 };
    const where = { ...keys, é: "x".repeat(1000 - Buffer.byteLength(JSON.stringify(keys))) };
    const odd = defineEvent({ name: "odd" });
    const { mill, emit } = await started(({ step }) => step.waitFor(odd, { where }));
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    await emit("odd", {});
    await emit("odd", { ...where, a: { toString: "true" } });
    const { "a.toString": _, ...flat } = where;
    await emit("odd", { ...flat, a: { toString: true }, and: "more" });
    expect((await mill.untilState(id, "completed")).output).toMatchObject({ and: "more" });
  });

  test("gives up in time, with null", async () => {
    const { mill } = await started(async ({ step }) => {
      const got = await step.waitFor(tick, { timeout: "50ms" });
      const again = await step.waitFor(tick, { timeout: "1h" });
      return [got, again];
    });
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    await mill.db.query("update millrace.waiter set due_at = clock_timestamp()");
    await mill.db.query("update millrace.timer set due_at = clock_timestamp()");
    expect((await mill.untilState(id, "completed")).output).toEqual([null, null]);
  });

  test("gets what was sent in time, though nobody has told it when its time is over; and nothing later", async () => {
    const over = signal();
    const mill = await Mill.create(
      workflow(async ({ step }) => {
        // Beside a step that is under way it waits in place, however long, and looks by itself.
        const beside = step("beside", () => over.promise);
        const got = [
          await step.waitFor(tick, { timeout: "1h" }),
          await step.waitFor(tick, { timeout: "1ms" }),
          await step("later", () => mill.rows("select millrace.emit('tick', '8')")).then(() => 8),
          await step.waitFor(tick, { timeout: "1ms" }),
        ];
        over.fire();
        await beside;
        return got;
      }),
    );
    await mill.startWorker();
    const id = await mill.enqueue("workflow");
    await until("it has looked for what came before", async () => {
      const rows = await mill.rows("select from millrace.waiter where looked");
      return rows.length > 0;
    });
    await mill.db.query("select millrace.emit('tick', '7')");
    await mill.db.query("update millrace.waiter set due_at = clock_timestamp()");
    expect((await mill.untilState(id, "completed")).output).toEqual([7, null, 8, 8]);
  });

  test("and another one after it get one event each, in the order in which they were sent", async () => {
    const { mill, emit } = await started(async ({ step }) => {
      const got: unknown[] = [];
      for (let n = 0; n < 3; n++) got.push(await step.waitFor(tick));
      const [one, two] = await Promise.all([step.waitFor(tick), step.waitFor(tick)]);
      return [...got, one, two];
    });
    const id = await mill.enqueue("workflow");
    for (let n = 1; n <= 5; n++) await emit("tick", n);
    expect((await mill.untilState(id, "completed")).output).toEqual([1, 2, 3, 4, 5]);
  });

  test("leaves to the one that was asked for before what is sent while it is looked what came for both", async () => {
    const { mill, emit } = await started(({ step }) =>
      Promise.all([step.waitFor(tick), step.waitFor(tick)]),
    );
    await mill.db.query(`
      create function held() returns trigger language plpgsql as $$
        begin
          perform pg_advisory_xact_lock(7);
          return new;
        end $$`);
    await mill.db.query(`
      create trigger held before update on millrace.waiter for each row
        when (new.looked and not old.looked and new.ordinal = 1) execute function held()`);
    const id = await inTransaction(mill.db, async (tx) => {
      await tx.query({ text: "select pg_advisory_xact_lock(7)" });
      const run = await mill.enqueue("workflow");
      await until("one looks for it", async () => {
        const looking = await mill.rows(
          `select from pg_locks where locktype = 'advisory' and objid = 7 and not granted
             and database = (select oid from pg_database where datname = current_database())`,
        );
        return looking.length > 0;
      });
      await emit("tick", 1);
      return run;
    });
    await until("the first has it", async () => (await waitsOf(mill, id)).length === 1);
    await emit("tick", 2);
    expect((await mill.untilState(id, "completed")).output).toEqual([1, 2]);
  });

  test("is given an event that is for its run alone", async () => {
    const { mill, emit } = await started(({ step }) => step.waitFor(tick));
    const [one, two] = [await mill.enqueue("workflow"), await mill.enqueue("workflow")];
    await mill.untilState(one, "waiting");
    await mill.untilState(two, "waiting");
    await emit("tick", "for two", { run: two });
    expect((await mill.untilState(two, "completed")).output).toBe("for two");
    expect(await mill.state(one)).toBe("waiting");
    await emit("tick", "for.all");
    expect((await mill.untilState(one, "completed")).output).toBe("for.all");
  });

  test("goes on beside a step that is under way, without leaving its worker", async () => {
    const work = signal();
    const order: string[] = [];
    const { mill, emit } = await started(async ({ step, attempt }) => {
      await Promise.all([
        step.waitFor(tick).then(() => {
          order.push("event");
          work.fire();
        }),
        step("work", () => work.promise).then(() => order.push("work")),
      ]);
      return attempt;
    });
    const id = await mill.enqueue("workflow");
    await until("it waits", async () => (await waitsOf(mill, id)).length === 1);
    await emit("tick");
    expect((await mill.untilState(id, "completed")).output).toBe(1);
    expect(order).toEqual(["event", "work"]);
  });

  test("is forgotten with its run, when it lost a race or was cancelled", async () => {
    const { mill } = await started(({ step }, { account }) =>
      Promise.race([step.waitFor(tick), ...(account === "quick" ? [step("now", () => 1)] : [])]),
    );
    const quick = await mill.enqueue("workflow", { account: "quick" });
    await mill.untilState(quick, "completed");
    await until("its wait is gone", async () => (await waitsOf(mill, quick)).length === 0);
    const slow = await mill.enqueue("workflow");
    await mill.untilState(slow, "waiting");
    await cancel(mill.db, by("ana"), { runId: slow, reason: null });
    expect(await mill.state(slow)).toBe("cancelled");
    expect(await waitsOf(mill, slow)).toEqual([]);
  });

  test("fails its run for good when the payload is not what the schema says", async () => {
    const { mill, emit } = await started(({ step }) => step.waitFor(signed));
    const id = await mill.enqueue("workflow");
    await mill.untilState(id, "waiting");
    await emit("contract.signed", { account: 7 });
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 1 });
    const [attempt] = await mill.rows<{ error_message: string }>(
      "select error_message from millrace.attempt where outcome = 'failed'",
    );
    expect(attempt!.error_message).toMatch(
      /event "contract.signed": payload of contract.signed: \/account/,
    );
  });

  test.each<[string, (ctx: Context) => unknown, RegExp]>([
    ["no event", ({ step }) => step.waitFor({ name: "tick" } as never), /give it an event/],
    [
      "an unknown option",
      ({ step }) => step.waitFor(tick, { when: {} } as never),
      /when is not an option/,
    ],
    ["a list", ({ step }) => step.waitFor(tick, { where: { a: [1] as never } }), /where.a must be/],
    [
      "nothing",
      ({ step }) => step.waitFor(tick, { where: null as never }),
      /where must be an object/,
    ],
    [
      "a text",
      ({ step }) => step.waitFor(tick, { where: "a" as never }),
      /where must be an object/,
    ],
    ["a map", ({ step }) => step.waitFor(tick, { where: new Map() as never }), /must be an object/],
    ["null", ({ step }) => step.waitFor(tick, { where: { a: null as never } }), /where.a must be/],
    ["no number", ({ step }) => step.waitFor(tick, { where: { a: NaN } }), /where.a must be/],
    [
      "half a text",
      ({ step }) => step.waitFor(tick, { where: { a: "\ud800" } }),
      /where.a must be/,
    ],
    ["a prototype", ({ step }) => step.waitFor(tick, { where: { "a.__proto__": 1 } }), /no path/],
    ["no path", ({ step }) => step.waitFor(tick, { where: { "": 1 } }), /no path/],
    ["an empty path", ({ step }) => step.waitFor(tick, { where: { "a..b": 1 } }), /no path/],
    ["a place in a list", ({ step }) => step.waitFor(tick, { where: { "a.0": 1 } }), /no path/],
    ["another", ({ step }) => step.waitFor(tick, { where: { "a. +1": 1 } }), /no path/],
    [
      "a path into a value",
      ({ step }) => step.waitFor(tick, { where: { a: 1, "a.b": 1 } }),
      /"a" and "a.b"/,
    ],
    [
      "eleven paths",
      ({ step }) =>
        step.waitFor(tick, {
          where: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`a${n}`, n])),
        }),
      /10 paths/,
    ],
    [
      "too much",
      ({ step }) => step.waitFor(tick, { where: { a: "x".repeat(1001 - '{"a":""}'.length) } }),
      /1000 bytes/,
    ],
    ["no time", ({ step }) => step.waitFor(tick, { timeout: "soon" as never }), /timeout/],
  ])("is refused %s, for good", async (_what, run, message) => {
    const { mill } = await started(run);
    const id = await mill.enqueue("workflow");
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 1 });
    const [attempt] = await mill.rows<{ error_message: string }>(
      "select error_message from millrace.attempt",
    );
    expect(attempt!.error_message).toMatch(message);
  });

  test("is refused in job.call, where no event could come", async () => {
    const job = workflow(({ step }) => step.waitFor(tick));
    await expect(job.call({ account: "a" })).rejects.toThrow(/reaches only runs on record/);
  });
});

test("a run that is suspended while its event is given goes to its queue instead", async () => {
  const mill = await Mill.create(workflow(() => null));
  const id = await mill.enqueue("workflow");
  const held = await claimOne(mill, "workflow");
  const place = [[held.lease], [id], ["tick"], [1]] as [number[], string[], string[], number[]];
  await askWaits(
    mill.db,
    held.worker,
    ...place,
    ["event"],
    [null],
    [null],
    ["tick"],
    ["{}"],
    ["{}"],
  );
  await mill.db.query("select millrace.emit('tick')");
  await meetWaits(mill.db);
  const due = new Date("2100-01-01");
  const asleep = { leaseId: held.lease, runId: id, verdict: "suspend", due } as const;
  expect(await settle(mill.db, held.worker, [asleep])).toEqual(["recorded"]);
  expect(await mill.state(id)).toBe("queued");
});

test("a wait whose worker died before it looked back gets what had come before in the next attempt", async () => {
  const mill = await Mill.create(workflow(({ step }) => step.waitFor(tick)));
  const id = await mill.enqueue("workflow");
  await mill.db.query("select millrace.emit('tick', '7')");
  await meetWaits(mill.db);
  const { lease, worker } = await claimOne(mill, "workflow");
  const place = [[lease], [id], ["tick"], [1]] as [number[], string[], string[], number[]];
  await askWaits(mill.db, worker, ...place, ["event"], [null], [null], ["tick"], ["{}"], ["{}"]);
  await settle(mill.db, worker, [{ leaseId: lease, runId: id, verdict: "release" }]);
  await mill.startWorker();
  expect((await mill.untilState(id, "completed")).output).toBe(7);
});

test("what a wait came to is told again when the answer was lost, and is on record once", async () => {
  const mill = await Mill.create(workflow(() => null));
  const id = await mill.enqueue("workflow");
  const { lease, worker } = await claimOne(mill, "workflow");
  const place = [[lease], [id], ["tick"], [1]] as [number[], string[], string[], number[]];
  await askWaits(mill.db, worker, ...place, ["event"], [null], [null], ["tick"], ["{}"], ["{}"]);
  await mill.db.query("select millrace.emit('tick', '7')");
  await meetWaits(mill.db);
  const first = await takeWaits(mill.db, worker, ...place, [1], [1], [false]);
  expect(first).toMatchObject([{ held: true, taken: true, met: true, value: "7" }]);
  const again = await takeWaits(mill.db, worker, ...place, [2], [1], [false]);
  expect(again).toMatchObject([{ held: true, taken: true, met: true, value: "7" }]);
  expect(await mill.rows("select seq, value from millrace.step")).toEqual([{ seq: 1, value: 7 }]);
});

test("an event that is committed between a wait and its look back is not missed by both", async () => {
  const mill = await Mill.create(workflow(() => null));
  const id = await mill.enqueue("workflow");
  const held = await claimOne(mill, "workflow");
  const sender = await mill.db.connect();
  try {
    await sender.query("begin");
    await sender.query("select millrace.emit('tick', '7')");
    const place = [[held.lease], [id], ["tick"], [1]] as [number[], string[], string[], number[]];
    await askWaits(
      mill.db,
      held.worker,
      ...place,
      ["event"],
      [null],
      [null],
      ["tick"],
      ["{}"],
      ["{}"],
    );
    await lookBack(mill.db, [id], ["tick"], [1]);
    const rung: string[] = [];
    await meetWaits(mill.db, (queue) => rung.push(queue));
    expect(rung).toEqual([]);
    await sender.query("commit");
  } finally {
    sender.release();
  }
  await meetWaits(mill.db);
  expect(await mill.rows("select value from millrace.waiter where met_at is not null")).toEqual([
    { value: 7 },
  ]);
});

test("200 runs, and events from four senders at once while they begin to wait: each gets its own, once", async () => {
  const { mill, emit } = await started(
    async ({ step }, { account }) => {
      const first = await step.waitFor(signed, { where: { account } });
      const second = await step.waitFor(signed, { where: { account } });
      return [first?.by?.id, second?.by?.id];
    },
    { concurrency: 50 },
  );
  const accounts = Array.from({ length: 200 }, (_, n) => `account ${n}`);
  const ids = await Promise.all(accounts.map((account) => mill.enqueue("workflow", { account })));
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      for (const [n, account] of accounts.entries()) {
        if (n % 4 !== lane) continue;
        const send = (id: number) => emit("contract.signed", { account, by: { id } });
        await send(1);
        await send(2);
      }
    }),
  );
  for (const id of ids) {
    expect((await mill.untilState(id, "completed")).output).toEqual([1, 2]);
  }
  expect(await mill.rows("select 1 from millrace.waiter")).toEqual([]);
});

test("branches that use the same names go on in the same order after they have slept", async () => {
  const { mill } = await started(async ({ step, attempt }) => {
    const branch = async (name: string, nap: "1h" | "2h") => {
      await step.sleep(`nap ${name}`, nap);
      const mine = await step("mine", () => name);
      await step.sleep("again", "1h");
      return `${name} has ${mine}`;
    };
    // The one that is called first wakes last.
    const both = await Promise.all([branch("late", "2h"), branch("early", "1h")]);
    return { both, attempt };
  });
  const id = await mill.enqueue("workflow");
  await mill.untilState(id, "waiting");
  const wake = async (name: string) => {
    await mill.db.query("update millrace.waiter set due_at = clock_timestamp() where name = $1", [
      name,
    ]);
    await mill.db.query("update millrace.timer set due_at = clock_timestamp()");
  };
  await wake("nap early");
  await until("early has its step", async () => {
    const rows = await mill.rows("select 1 from millrace.step where name = 'mine'");
    return rows.length === 1 && (await mill.state(id)) === "waiting";
  });
  await wake("nap late");
  await until("late has its step", async () => {
    const rows = await mill.rows("select 1 from millrace.step where name = 'mine'");
    return rows.length === 2 && (await mill.state(id)) === "waiting";
  });
  await passSleeps(mill, id);
  const run = await mill.untilState(id, "completed");
  expect(run.output).toMatchObject({ both: ["late has late", "early has early"] });
});

test("what is left of runs that have ended, and events that are older than runs are kept, are removed; but for signals to open runs", async () => {
  const mill = await Mill.create(workflow(() => null));
  const [ended, open] = [await mill.enqueue("workflow"), await mill.enqueue("workflow")];
  for (const id of [ended, open, "01900000-0000-7000-8000-000000000000"]) {
    await mill.db.query(
      "insert into millrace.waiter (run_id, name, ordinal, kind, due_at) values ($1, 'nap', 1, 'sleep', now())",
      [id],
    );
  }
  await mill.db.query("update millrace.run set state = 'cancelled' where id = $1", [ended]);
  await mill.db.query("select millrace.emit('tick')");
  const old = (name: string, n: number, run: string | null) =>
    mill.db.query(
      "insert into millrace.emission (id, name, payload, run_id) values ($1, $2, '{}', $3)",
      [`01900000-0000-7000-8000-00000000000${n}`, name, run],
    );
  await old("for.all", 0, null);
  await old("for.ended", 1, ended);
  await old("for.open", 2, open);
  await old("for.gone", 3, "01900000-0000-7000-8000-000000000000");
  const pruner = new WaitPruner({ db: mill.db, logger: mill.logger, retentionMs: 86_400_000 });
  await pruner.start();
  await until(
    "it has looked",
    async () => (await mill.rows("select 1 from millrace.waiter")).length === 1,
  );
  await pruner.stop();
  expect(await mill.rows("select run_id from millrace.waiter")).toEqual([{ run_id: open }]);
  expect(await mill.rows("select name from millrace.emission order by id")).toEqual([
    { name: "for.open" },
    { name: "tick" },
  ]);
});
