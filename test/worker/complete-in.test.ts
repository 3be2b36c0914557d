import { type Context, defineJob } from "@millrace/sdk";
import { cancel } from "millrace";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { findMisplaced } from "../faults/harness/places.ts";
import { by } from "../support/caller.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

type Handler = (tx: pg.Client, ctx: Context) => Promise<unknown>;

/** A job whose handler has an open transaction on a connection of its own, and a table `mark` to write to. */
function job(name: string, handler: Handler, options = {}) {
  return defineJob({
    name,
    retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
    ...options,
    run: async (_input, ctx): Promise<unknown> => {
      const tx = new pg.Client({ connectionString: url });
      tx.on("error", () => {});
      await tx.connect();
      try {
        await tx.query("begin");
        return await handler(tx, ctx);
      } finally {
        await tx.end();
      }
    },
  });
}

let url: string;

async function millWith(...jobs: Parameters<typeof Mill.create>): Promise<Mill> {
  const mill = await Mill.create(...jobs);
  url = mill.url;
  await mill.rows("create table mark (run uuid, attempt int)");
  await mill.startDispatcher();
  return mill;
}

function mark(tx: pg.Client, { runId, attempt }: Context) {
  return tx.query("insert into mark values ($1, $2)", [runId, attempt]);
}

/** The reaper takes the run from its worker, without waiting for a lease to pass. */
async function lose(mill: Mill, id: string): Promise<void> {
  await mill.loseWorkers();
  expect(await mill.run(id)).toMatchObject({ losses: 1 });
}

const marks = (mill: Mill) => mill.rows("select attempt from mark order by attempt");

test("a handler's rows and its run's outcome are there together, and the run is the worker's no more", async () => {
  const bill = job("bill", async (tx, ctx) => {
    await mark(tx, ctx);
    const output = await ctx.completeIn(tx, { attempt: ctx.attempt });
    await tx.query("commit");
    return output;
  });
  const mill = await millWith(bill);
  const settled: object[] = [];
  await mill.startWorker({ onSettled: (attempt) => void settled.push(attempt) });
  const id = await mill.enqueue("bill");
  expect(await mill.untilState(id, "completed")).toMatchObject({
    output: { attempt: 1 },
    attempts: 1,
    failures: 0,
  });
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
  await until("the lease is empty", async () => {
    return (await mill.rows("select id from millrace.lease")).length === 0;
  });
  await until("it is counted", () => settled.length > 0);
  expect(settled).toMatchObject([{ job: "bill", verdict: "complete" }]);
  const [run] = await mill.rows(
    "select started_at <= finished_at as ordered, worker_id is not null as known from millrace.run",
  );
  expect(run).toEqual({ ordered: true, known: true });
  expect(await findMisplaced(mill.db)).toEqual([]);
});

test("after a rollback the attempt has failed, and the next one completes; also when the handler hid it", async () => {
  const throwing = job("throwing", async (tx, ctx) => {
    await mark(tx, ctx);
    await ctx.completeIn(tx, ctx.attempt);
    if (ctx.attempt === 1) throw new Error("the connection is closed, and that rolls back");
    await tx.query("commit");
    return ctx.attempt;
  });
  const hiding = job("hiding", async (tx, ctx) => {
    await mark(tx, ctx);
    await ctx.completeIn(tx, ctx.attempt);
    // A transaction in which a statement failed is rolled back by `commit`, without an error.
    if (ctx.attempt === 1) await tx.query("select 1/0").catch(() => {});
    await tx.query("commit");
    return ctx.attempt;
  });
  const mill = await millWith(throwing, hiding);
  await mill.startWorker();
  for (const { name } of [throwing, hiding]) {
    const id = await mill.enqueue(name);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: 2,
      attempts: 2,
      failures: 1,
    });
  }
  expect(await marks(mill)).toEqual([{ attempt: 2 }, { attempt: 2 }]);
  expect(await mill.rows("select error_class from millrace.attempt order by run_id")).toEqual([
    { error_class: "Error" },
    { error_class: "NotCommitted" },
  ]);
});

test("what happens after the commit changes nothing: the run has completed", async () => {
  const late = job("late", async (tx, ctx) => {
    await ctx.completeIn(tx, "kept");
    await tx.query("commit");
    throw new Error("too late");
  });
  const mill = await millWith(late);
  const settled: object[] = [];
  await mill.startWorker({ onSettled: (attempt) => void settled.push(attempt) });
  const id = await mill.enqueue("late");
  await until("the attempt is over", () => settled.length > 0);
  expect(await mill.run(id)).toMatchObject({ state: "completed", output: "kept", failures: 0 });
  expect(settled).toMatchObject([{ verdict: "complete" }]);
});

test("while a handler's transaction is open, the other runs of its lease are settled, logged, and cancelled", async () => {
  const [open, close] = [signal(), signal()];
  const slow = job("slow", async (tx, ctx) => {
    await ctx.completeIn(tx, "slow");
    open.fire();
    await close.promise;
    await tx.query("commit");
  });
  const held = signal();
  const quick = defineJob({
    name: "quick",
    run: async (_input, { log }) => {
      await open.promise;
      log.info("beside");
    },
  });
  const waiting = defineJob({
    name: "waiting",
    retry: { maxAttempts: 1 },
    run: (_input, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        held.fire();
      }),
  });
  const mill = await millWith(slow, quick, waiting);
  const ids = await mill.intake.acceptMany(
    ["slow", "quick", "waiting"].map((job) => ({ job, trigger: "api" as const })),
  );
  const [one, two, three] = ids.map((result) => ("run" in result ? result.run.id : ""));
  // All three in one parcel's worth of claim, and so in one lease.
  const worker = await mill.startWorker();
  await open.promise;
  await held.promise;
  const [lease] = await mill.rows<{ runs: number }>(
    "select max(cardinality(run_ids)) as runs from millrace.lease",
  );
  expect(lease!.runs).toBeGreaterThanOrEqual(2);
  expect(await mill.untilState(two!, "completed")).toMatchObject({ attempts: 1 });
  expect(await mill.rows("select message from millrace.log")).toEqual([{ message: "beside" }]);
  // The lease of both was shrunk while the transaction holds it; now a cancel is noted in it.
  expect(await cancel(mill.db, by("ana"), { runId: three!, reason: null })).toBe("asked");
  await mill.untilState(three!, "cancelled");
  expect(await cancel(mill.db, by("ana"), { runId: one!, reason: null })).toBe("asked");
  expect(await mill.state(one!)).toBe("running");
  close.fire();
  expect(await mill.untilState(one!, "completed")).toMatchObject({ output: "slow" });
  await expect(cancel(mill.db, by("ana"), { runId: one!, reason: null })).rejects.toMatchObject({
    code: "run_finished",
  });
  await worker.stop();
  expect(await mill.rows("select id from millrace.lease")).toEqual([]);
});

test("a lease that is lost before is noticed: nothing of the transaction is written", async () => {
  const [started, goOn] = [signal(), signal()];
  const zombie = job("zombie", async (tx, ctx) => {
    await mark(tx, ctx);
    if (ctx.attempt > 1) {
      await ctx.completeIn(tx, "heir");
      await tx.query("commit");
      return;
    }
    started.fire();
    await goOn.promise;
    errors.push(await ctx.completeIn(tx, "zombie").catch((error: unknown) => error));
    errors.push(await tx.query("commit").then(({ command }) => command));
  });
  const errors: unknown[] = [];
  const mill = await millWith(zombie);
  await mill.startWorker();
  const id = await mill.enqueue("zombie");
  await started.promise;
  await lose(mill, id);
  goOn.fire();
  await until("the zombie was refused", () => errors.length === 2);
  expect(errors).toEqual([expect.objectContaining({ code: "lease_lost" }), "ROLLBACK"]);
  // The worker comes back as another one, and takes the run again. It may have taken it once more before it knew that it was
  // lost, and has handed it back then.
  const run = await mill.untilState(id, "completed");
  expect(run).toMatchObject({ output: "heir", losses: 1 });
  expect(await marks(mill)).toEqual([{ attempt: run.attempts }]);
});

test.each(["read committed", "repeatable read", "serializable"])(
  "in a transaction that is %s, an attempt that lost its run cannot complete it, and one that has it can",
  async (level) => {
    const [seen, goOn] = [signal(), signal()];
    let refused: unknown;
    const old = job("old", async (tx, ctx) => {
      await tx.query(`set transaction isolation level ${level}`);
      // From here on it reads what was at this moment, whatever happens to the lease.
      await tx.query("select count(*) from millrace.run");
      if (ctx.attempt === 1) {
        seen.fire();
        await goOn.promise;
      } else {
        await mill.rows("update millrace.lease set unwanted = unwanted");
      }
      try {
        await ctx.completeIn(tx, ctx.attempt);
        await tx.query("commit");
      } catch (error) {
        refused ??= error;
        throw error;
      }
      return ctx.attempt;
    });
    const mill = await millWith(old);
    await mill.startWorker();
    const id = await mill.enqueue("old");
    await seen.promise;
    await lose(mill, id);
    goOn.fire();
    await until("it was refused", () => refused !== undefined);
    expect((refused as { code: string }).code).toMatch(/^(lease_lost|40001)$/);
    const run = await mill.untilState(id, "completed");
    expect(run).toMatchObject({ output: run.attempts, losses: 1 });
  },
);

test("the reaper lets the runs of a lost worker alone for as long as a transaction completes one, and then finds it completed", async () => {
  const [open, close] = [signal(), signal()];
  const slow = job("slow", async (tx, ctx) => {
    await mark(tx, ctx);
    await ctx.completeIn(tx, "once");
    open.fire();
    await close.promise;
    await tx.query("commit");
  });
  const mill = await millWith(slow);
  await mill.startWorker();
  const id = await mill.enqueue("slow");
  await open.promise;
  await mill.rows("update millrace.worker set state = 'lost'");
  expect(await takeBackLost(mill.db)).toEqual([]);
  expect(await mill.state(id)).toBe("running");
  close.fire();
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: "once", losses: 0 });
  await takeBackLost(mill.db);
  await until("the lease is gone", async () => {
    return (await mill.rows("select id from millrace.lease")).length === 0;
  });
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
});

test("a run that was cancelled under its worker is not completed", async () => {
  const [started, goOn] = [signal(), signal()];
  const answers: unknown[] = [];
  const late = job("late", async (tx, ctx) => {
    await mark(tx, ctx);
    started.fire();
    await goOn.promise;
    answers.push(await ctx.completeIn(tx, 1).catch((error: unknown) => error));
    await tx.query("commit");
  });
  const mill = await millWith(late);
  await mill.startWorker();
  const id = await mill.enqueue("late");
  await started.promise;
  // What a cancel does that could not see the claim.
  await mill.rows("update millrace.run set state = 'cancelled', finished_at = now()");
  goOn.fire();
  await until("it was refused", () => answers.length > 0);
  expect(answers).toEqual([expect.objectContaining({ code: "run_finished" })]);
  expect(await mill.state(id)).toBe("cancelled");
  expect(await marks(mill)).toEqual([]);
});

test("twice in one transaction is refused, and nothing of it is written", async () => {
  const answers: unknown[] = [];
  const twice = job("twice", async (tx, ctx) => {
    await mark(tx, ctx);
    if (ctx.attempt === 1) {
      await ctx.completeIn(tx, 1);
      answers.push(await ctx.completeIn(tx, 2).catch((error: unknown) => error));
    } else {
      // Rolled back to before the first, a second one is the first.
      await tx.query("savepoint before");
      await ctx.completeIn(tx, 3);
      await tx.query("rollback to savepoint before");
      await ctx.completeIn(tx, 4);
    }
    await tx.query("commit");
  });
  const mill = await millWith(twice);
  await mill.startWorker();
  const id = await mill.enqueue("twice");
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 4, attempts: 2 });
  expect(answers).toEqual([expect.objectContaining({ code: "run_finished" })]);
  expect(await marks(mill)).toEqual([{ attempt: 2 }]);
});

test("an output that is too large or no JSON fails the run for good, before anything is sent", async () => {
  const outputs: Record<string, unknown> = { large: "x".repeat(1 << 20), nul: "\0", deep: 1n };
  const jobs = Object.entries(outputs).map(([name, output]) =>
    job(name, async (tx, ctx) => {
      await mark(tx, ctx);
      const given = await ctx.completeIn(tx, output);
      await tx.query("commit");
      return given;
    }),
  );
  const mill = await millWith(...jobs);
  await mill.startWorker();
  for (const { name } of jobs) {
    const id = await mill.enqueue(name);
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
  }
  const classes = await mill.rows("select distinct error_class from millrace.attempt");
  expect(classes).toEqual([{ error_class: "InvalidOutput" }]);
  expect(await marks(mill)).toEqual([]);
});

test("millrace.complete refuses another worker, another lease, another attempt and another run", async () => {
  const [started, goOn] = [signal<Context>(), signal()];
  const waits = defineJob({
    name: "waits",
    run: async (_input, ctx) => {
      started.fire(ctx);
      await goOn.promise;
    },
  });
  const mill = await millWith(waits);
  await mill.startWorker();
  const id = await mill.enqueue("waits");
  const other = await mill.intake.accept({ job: "waits", trigger: "api", delayMs: 60_000 });
  await started.promise;
  const [lease] = await mill.rows<{ id: number; worker_id: number }>(
    "select id, worker_id from millrace.lease",
  );
  const complete = (run: string, attempt: number, leaseId: number, worker: number) =>
    mill.rows("select millrace.complete($1, $2, $3, $4, '1')", [run, attempt, leaseId, worker]);
  const right = [id, 1, lease!.id, lease!.worker_id] as const;
  const wrong = [other.id, 2, lease!.id + 1, lease!.worker_id + 1] as const;
  for (const place of right.keys()) {
    const args = right.map((value, n) => (n === place ? wrong[n] : value)) as unknown as [
      ...typeof right,
    ];
    await expect(complete(...args), `argument ${place}`).rejects.toMatchObject({ code: "ML020" });
  }
  await complete(...right);
  expect(await mill.run(id)).toMatchObject({ state: "completed", output: 1 });
  goOn.fire();
});

test("a transaction that forgets to commit is ended by the server, unless it has a limit of its own", async () => {
  const mill = await millWith(
    job("reads", async (tx, ctx) => {
      await ctx.completeIn(tx, 1);
      const { rows } = await tx.query("show idle_in_transaction_session_timeout");
      limits.push(rows[0].idle_in_transaction_session_timeout);
      await tx.query("commit");
      const after = await tx.query("show idle_in_transaction_session_timeout");
      limits.push(after.rows[0].idle_in_transaction_session_timeout);
    }),
    job("strict", async (tx, ctx) => {
      await tx.query("set idle_in_transaction_session_timeout = '5s'");
      await ctx.completeIn(tx, 1);
      const { rows } = await tx.query("show idle_in_transaction_session_timeout");
      limits.push(rows[0].idle_in_transaction_session_timeout);
      await tx.query("commit");
    }),
  );
  const limits: string[] = [];
  await mill.startWorker();
  // A run is completed by its commit, after which its handler goes on.
  await mill.enqueue("reads");
  await until("the one has looked", () => limits.length === 2);
  await mill.enqueue("strict");
  await until("the other has looked", () => limits.length === 3);
  expect(limits).toEqual(["30s", "0", "5s"]);
});

test("a role with no right but to call the function completes its runs, and reads and writes nothing else", async () => {
  const mill = await millWith(
    defineJob({
      name: "least",
      run: async (_input, ctx) => {
        const tx = new pg.Client({ connectionString: shop });
        await tx.connect();
        await tx.query("begin");
        await ctx.completeIn(tx, "least");
        denied = await tx.query("savepoint s; update millrace.run set output = '1'").catch(String);
        await tx.query("rollback to savepoint s");
        await tx.query("commit");
        await tx.end();
      },
    }),
  );
  let denied: unknown;
  const role = `millrace_shop_${process.pid}`;
  const shop = Object.assign(new URL(mill.url), { username: role, password: role }).href;
  await mill.rows(`create role ${role} login password '${role}'`);
  onTestFinished(async () => void (await mill.rows(`drop owned by ${role}; drop role ${role}`)));
  await mill.rows(`grant usage on schema millrace to ${role}`);
  const [right] = await mill.rows<{ may: boolean }>(
    `select has_function_privilege('${role}', 'millrace.complete(uuid,integer,bigint,integer,jsonb)', 'execute') as may`,
  );
  expect(right!.may).toBe(false);
  await mill.rows(`grant execute on function millrace.complete to ${role}`);
  await mill.startWorker();
  const id = await mill.enqueue("least");
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: "least" });
  expect(denied).toMatch(/permission denied for table run/);
});
