import { type Context, type Step, defineJob } from "@millrace/sdk";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { findMisplaced } from "../faults/harness/places.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

const soon = { firstDelay: "1ms", maxDelay: "1ms" } as const;

type Begin = (work: (tx: pg.PoolClient) => Promise<void>) => Promise<void>;

/** As the pages show it for pg. */
const beginOn =
  (pool: pg.Pool): Begin =>
  async (work) => {
    const tx = await pool.connect();
    try {
      await tx.query("begin");
      await work(tx);
      await tx.query("commit");
    } catch (error) {
      await tx.query("rollback").catch(() => {});
      throw error;
    } finally {
      tx.release();
    }
  };

async function started(run: (ctx: Context, begin: Begin, mill: Mill) => unknown) {
  const job = defineJob({
    name: "workflow",
    retry: { ...soon, maxAttempts: 5 },
    run: (_input, ctx) => run(ctx, begin, mill),
  });
  const quick = defineJob({ name: "quick", run: () => null });
  const mill: Mill = await Mill.create(job, quick);
  await mill.rows("create table mark (attempt int)");
  const pool = new pg.Pool({ connectionString: mill.url, max: 4 });
  pool.on("error", () => {});
  onTestFinished(() => pool.end());
  const begin = beginOn(pool);
  await mill.startWorker();
  await mill.startDispatcher();
  return { mill, id: await mill.enqueue("workflow") };
}

const mark = async (tx: pg.PoolClient, attempt: number) => {
  await tx.query("insert into mark values ($1)", [attempt]);
  return { attempt, at: new Date(0) };
};

const marks = (mill: Mill) => mill.rows("select attempt from mark order by attempt");

const stepsOf = (mill: Mill) =>
  mill.rows("select name, ordinal, kind, attempt from millrace.step order by seq");

async function lose(mill: Mill): Promise<void> {
  await mill.rows("update millrace.worker set state = 'lost' where state = 'active'");
  await takeBackLost(mill.db);
}

test("its writes and its checkpoint are there together; a later attempt gets what it gave, and begins nothing", async () => {
  const given: unknown[] = [];
  const { mill, id } = await started(async ({ step, attempt }, begin, mill) => {
    let begun = 0;
    const counting: Begin = async (work) => {
      begun++;
      await begin(work);
    };
    const value = await step.transaction("book", counting, async (tx) => {
      const made = await mark(tx, attempt);
      expect([await marks(mill), await stepsOf(mill)]).toEqual([[], []]);
      return made;
    });
    given.push(value);
    if (attempt === 1) throw new Error("after the transaction");
    return begun;
  });
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 0, failures: 1 });
  expect(given).toEqual([
    { attempt: 1, at: new Date(0) },
    { attempt: 1, at: new Date(0) },
  ]);
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
  expect(await stepsOf(mill)).toEqual([
    { name: "book", ordinal: 1, kind: "transaction", attempt: 1 },
  ]);
  expect(await findMisplaced(mill.db)).toEqual([]);
});

test("what its function throws leaves nothing, and fails the attempt", async () => {
  const { mill, id } = await started(({ step, attempt }, begin) =>
    step.transaction("book", begin, async (tx) => {
      await mark(tx, attempt);
      if (attempt === 1) throw new TypeError("no luck");
      return attempt;
    }),
  );
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 2, failures: 1 });
  expect(await marks(mill)).toEqual([{ attempt: 2 }]);
});

test("one that was rolled back without an error has failed", async () => {
  const { mill, id } = await started(({ step, attempt }, begin) => {
    const hiding: Begin = (work) =>
      begin(async (tx) => {
        await work(tx);
        // The commit that follows rolls back, and says nothing.
        if (attempt === 1) await tx.query("select 1/0").catch(() => {});
      });
    return step.transaction("book", hiding, (tx) => mark(tx, attempt));
  });
  expect(await mill.untilState(id, "completed")).toMatchObject({ failures: 1 });
  expect(await marks(mill)).toEqual([{ attempt: 2 }]);
  expect(await mill.rows("select error_class from millrace.attempt")).toEqual([
    { error_class: "NotCommitted" },
  ]);
});

test("one that was committed although it failed, for its answer was lost, is on record, and the attempt goes on", async () => {
  const { mill, id } = await started(async ({ step, attempt }, begin) => {
    const losing: Begin = async (work) => {
      await begin(work);
      throw new Error("the connection broke");
    };
    await step.transaction("book", losing, (tx) => mark(tx, attempt));
    return attempt;
  });
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 1, failures: 0 });
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
});

test("a transaction that is begun again by its library counts once", async () => {
  let calls = 0;
  const { mill, id } = await started(({ step, attempt }, begin) => {
    const again: Begin = async (work) => {
      await begin(async (tx) => {
        await work(tx);
        throw new Error("40001, say");
      }).catch(() => {});
      await begin(work);
    };
    return step.transaction("book", again, async (tx) => {
      await mark(tx, attempt);
      return ++calls;
    });
  });
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 2, failures: 0 });
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
});

test("several at once, and steps beside them, do not wait for each other", async () => {
  const beside = signal();
  const { mill, id } = await started(async ({ step, attempt }, begin) => {
    const both = await Promise.all([
      step.transaction("a", begin, async (tx) => {
        await mark(tx, attempt);
        await beside.promise;
        return "a";
      }),
      step("b", () => "b").then((value) => {
        beside.fire();
        return value;
      }),
      step.transaction("c", begin, () => "c"),
    ]);
    if (attempt === 1) throw new Error("again");
    return both;
  });
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: ["a", "b", "c"] });
  expect(await marks(mill)).toHaveLength(1);
});

describe.each(["read committed", "repeatable read", "serializable"])("under %s", (level) => {
  test("an attempt that has lost its run writes nothing, and its heir does", async () => {
    const [began, goOn] = [signal(), signal()];
    const refused = signal<unknown>();
    const { mill, id } = await started(async ({ step, attempt }, begin) => {
      const leveled: Begin = (work) =>
        begin(async (tx) => {
          await tx.query(`set transaction isolation level ${level}`);
          // From here on it reads what was at this moment, whatever happens to the lease.
          await tx.query("select count(*) from millrace.run");
          await work(tx);
        });
      try {
        return await step.transaction("book", leveled, async (tx) => {
          const made = await mark(tx, attempt);
          if (attempt > 1) return made;
          began.fire();
          await goOn.promise;
          return made;
        });
      } catch (error) {
        refused.fire(error);
        throw error;
      }
    });
    await began.promise;
    await lose(mill);
    await mill.startWorker();
    // By the second attempt; or the third, where the lost worker has taken it once more before it knew, and handed it back.
    const { attempts: attempt } = await mill.untilState(id, "completed");
    goOn.fire();
    // Its worker may have heard of it before the database is asked; what the database says then, the next test knows.
    expect(await refused.promise).toSatisfy(
      (error: { code?: string; why?: string }) =>
        /^(lease_lost|run_finished|40001)$/.test(error.code ?? "") || error.why === "lease-lost",
    );
    expect(await marks(mill)).toEqual([{ attempt }]);
    expect(await stepsOf(mill)).toMatchObject([{ attempt }]);
  });
});

test.each([
  ["read committed", "ML020"],
  ["repeatable read", "40001"],
  ["serializable", "40001"],
])(
  "millrace.keep_step under %s refuses an attempt whose lease was taken back since the transaction began",
  async (level, refusal) => {
    const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
    const run = await mill.enqueue("any");
    const { worker, lease } = await claimOne(mill);
    const tx = await mill.connection();
    await tx.query(`begin isolation level ${level}`);
    await tx.query("select count(*) from millrace.run");
    await mill.rows("update millrace.worker set state = 'lost'");
    await takeBackLost(mill.db);
    const kept = tx.query("select millrace.keep_step($1, 1, $2, $3, 'a', 1, 1, 5, '1')", [
      run,
      lease,
      worker,
    ]);
    await expect(kept).rejects.toMatchObject({ code: refusal });
  },
);

test("millrace.keep_step refuses another worker, another lease, another attempt and another run, and a second one", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const run = await mill.enqueue("any");
  const { worker, lease } = await claimOne(mill);
  const other = await mill.enqueue("any");
  const keep = (...of: [string, number, number, number]) =>
    mill.rows("select millrace.keep_step($1, $2, $3, $4, 'a', 1, 1, 5, '1')", of);
  const right = [run, 1, lease, worker] as const;
  const wrong = [other, 2, lease + 1, worker + 1] as const;
  for (const place of right.keys()) {
    const args = right.map((value, n) => (n === place ? wrong[n] : value)) as unknown as [
      ...typeof right,
    ];
    await expect(keep(...args), `argument ${place}`).rejects.toMatchObject({ code: "ML020" });
  }
  await keep(...right);
  await expect(keep(...right)).rejects.toMatchObject({ code: "ML060" });
  expect(await stepsOf(mill)).toEqual([{ name: "a", ordinal: 1, kind: "transaction", attempt: 1 }]);
  const open = await mill.rows(
    "select proacl::text as acl from pg_proc where proname = 'keep_step' and proacl::text ~ '[{,]=X'",
  );
  expect(open).toEqual([]);
});

test("between recording and commit the run is nobody else's; then its heir finds the checkpoint", async () => {
  const [recorded, commit] = [signal(), signal()];
  const { mill, id } = await started(({ step, attempt }, begin) => {
    const slow: Begin = (work) =>
      begin(async (tx) => {
        await work(tx);
        recorded.fire();
        await commit.promise;
      });
    return step.transaction("book", slow, (tx) => mark(tx, attempt));
  });
  await recorded.promise;
  await mill.rows("update millrace.worker set state = 'lost' where state = 'active'");
  expect(await takeBackLost(mill.db)).toEqual([]);
  commit.fire();
  await until("the transaction has ended", async () => (await marks(mill)).length === 1);
  await takeBackLost(mill.db);
  await mill.startWorker();
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: { attempt: 1 } });
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
});

test("an attempt that is over while its transaction is open waits for that, and holds up no other run", async () => {
  const [recorded, commit] = [signal(), signal()];
  const { mill, id } = await started(async ({ step, attempt }, begin) => {
    const slow: Begin = (work) =>
      begin(async (tx) => {
        await work(tx);
        recorded.fire();
        await commit.promise;
      });
    const booked = step.transaction("book", slow, (tx) => mark(tx, attempt));
    if (attempt > 1) return await booked;
    await recorded.promise;
    throw new Error("does not wait for its own transaction");
  });
  await recorded.promise;
  await until("the handler has failed", async () => {
    const rows = await mill.rows("select 1 from millrace.attempt");
    return rows.length === 0 && (await mill.state(id)) === "running";
  });
  await mill.untilState(await mill.enqueue("quick"), "completed");
  expect(await mill.state(id)).toBe("running");
  commit.fire();
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: { attempt: 1 } });
  expect(await marks(mill)).toEqual([{ attempt: 1 }]);
});

test.each<[string, (step: Step, begin: Begin) => Promise<unknown>, RegExp]>([
  [
    "without a function",
    (step, begin) => step.transaction("a", begin, undefined as never),
    /opens a transaction/,
  ],
  [
    "whose begin does not run it",
    (step) =>
      step.transaction(
        "a",
        async () => {},
        () => 1,
      ),
    /has not run what it was given/,
  ],
  [
    "that gives a class",
    (step, begin) => step.transaction("a", begin, () => new URL("a:b") as unknown),
    /class URL/,
  ],
  [
    "with a step inside",
    (step, begin) => step.transaction("a", begin, () => step("b", () => 1)),
    /inside of another/,
  ],
])("one %s fails the run at once, and leaves nothing", async (_what, use, message) => {
  const { mill, id } = await started(({ step }, begin) => use(step, begin));
  expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
  const [attempt] = await mill.rows<{ error_message: string }>(
    "select error_message from millrace.attempt",
  );
  expect(attempt!.error_message).toMatch(message);
  expect(await stepsOf(mill)).toEqual([]);
});

test("a handle that is no transaction, and one that is used twice, are refused", async () => {
  const messages: string[] = [];
  const { mill, id } = await started(async ({ step, attempt }, begin) => {
    const pool = new pg.Pool();
    const use = [
      () =>
        step.transaction(
          "a",
          async (work) => work(pool as never),
          () => 1,
        ),
      () =>
        step.transaction(
          "b",
          (work) => begin((tx) => work(tx).then(() => work(tx))),
          (tx: pg.PoolClient) => mark(tx, attempt),
        ),
    ];
    for (const one of use) await one().catch((error: Error) => messages.push(error.message));
  });
  await mill.untilState(id, "completed");
  expect(messages).toEqual([
    expect.stringContaining("pool"),
    expect.stringContaining("is on record already"),
  ]);
  expect(await marks(mill)).toEqual([]);
});

test("in job.call it runs, nothing is recorded, and a handle that a worker would refuse is refused", async () => {
  const { mill, id } = await started(() => null);
  await mill.untilState(id, "completed");
  const pool = new pg.Pool({ connectionString: mill.url, max: 1 });
  onTestFinished(() => pool.end());
  const job = (begin: Begin) =>
    defineJob({
      name: "called",
      run: (_input, { step }) =>
        step.transaction("book", begin, async (tx) => (await mark(tx, 7)).attempt),
    });
  expect(await job(beginOn(pool)).call()).toBe(7);
  expect(await marks(mill)).toEqual([{ attempt: 7 }]);
  expect(await stepsOf(mill)).toEqual([]);
  await expect(job(async (work) => work(pool as never)).call()).rejects.toMatchObject({
    code: "invalid_transaction",
  });
});
