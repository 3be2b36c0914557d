import { RetryAfterError, defineJob } from "@millrace/sdk";
import { JobRegistry, setQueueLimits } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { settleCosts } from "../../packages/server/src/store/gate.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";
import { all, claimer } from "./desk.ts";

const Call = z.object({ account: z.string().optional(), units: z.number().optional() });

/** Turns the database's clock for buckets and lanes forward, by turning what they noted back. */
async function pass(mill: Mill, ms: number): Promise<void> {
  const by = `interval '1 millisecond' * ${ms}`;
  await mill.db.query(`update millrace.bucket set at = at - ${by}`);
  await mill.db.query(
    `update millrace.lane set not_before = not_before - ${by} where not_before > '-infinity'`,
  );
}

describe("a rate", () => {
  test("of a job lets so many start at once, and the next when its time has come", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "call",
        input: Call,
        rateLimit: { limit: 60, per: "1h", burst: 2 },
        run: () => null,
      }),
    );
    for (let n = 0; n < 5; n++) await mill.enqueue("call", {});
    const [one, two] = [await claimer(mill), await claimer(mill)];
    const taken = await Promise.all([all(one.claims), all(two.claims)]);
    expect(taken.flat()).toHaveLength(2);
    const opens = await one.claims.opensInMs();
    expect(opens).toBeGreaterThan(50_000);
    expect(opens).toBeLessThanOrEqual(60_000);
    await pass(mill, 60_000);
    expect(await all(two.claims)).toHaveLength(1);
    expect(await all(one.claims)).toHaveLength(0);
  });

  test.each([
    ["of a job", {}],
    ["by key", { key: "account" }],
  ] as const)(
    "%s holds no more than its burst, however long nothing started",
    async (_what, key) => {
      const mill = await Mill.create(
        defineJob({
          name: "call",
          input: Call,
          rateLimit: { ...key, limit: 60, per: "1h", burst: 2 },
          run: () => null,
        }),
      );
      for (let n = 0; n < 7; n++) await mill.enqueue("call", { account: "a" });
      const { claims } = await claimer(mill);
      expect(await all(claims)).toHaveLength(2);
      await pass(mill, 10 * 3_600_000);
      expect(await all(claims)).toHaveLength(2);
    },
  );

  test("by key gives each key its own, and a job's rate bounds them together", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "call",
        input: Call,
        rateLimit: [
          { key: "account", limit: 1, per: "1h" },
          { limit: 3, per: "1h", burst: 3 },
        ],
        run: () => null,
      }),
    );
    for (const account of ["a", "a", "b", "c", "d"]) await mill.enqueue("call", { account });
    const taken = await all((await claimer(mill)).claims);
    const accounts = taken.map((run) => (run.input as { account: string }).account);
    expect(accounts).toHaveLength(3);
    expect(new Set(accounts).size).toBe(3);
  });

  test("counts what a run costs, and lets one that costs more than it can hold start when it is full", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "call",
        input: Call,
        rateLimit: { limit: 100, per: "1h", burst: 10, cost: "units" },
        run: () => null,
      }),
    );
    const huge = await mill.enqueue("call", { units: 25 });
    await mill.enqueue("call", { units: 4 });
    const { claims } = await claimer(mill);
    expect((await all(claims)).map((run) => run.id)).toEqual([huge]);
    // A debt of 15, and 4 to have: 19 units, of which 100 come in an hour; the last in 36 s, for what really goes by counts, too.
    await pass(mill, 3_600_000 * 0.18);
    expect(await all(claims)).toHaveLength(0);
    await pass(mill, 3_600_000 * 0.012);
    expect(await all(claims)).toHaveLength(1);
  });

  test("is given back what a run did not cost, when it says so", async () => {
    const job = defineJob({
      name: "call",
      input: Call,
      rateLimit: { limit: 10, per: "1h", burst: 10, cost: 10 },
      run: (_input, ctx) => ctx.cost(1),
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    await mill.untilState(await mill.enqueue("call", {}), "completed");
    await until("nine units are back", async () => {
      const [row] = await mill.rows<{ tokens: number }>(
        "select tokens from millrace.bucket where scope = 'job'",
      );
      return row && row.tokens > 8.99 && row.tokens < 9.5;
    });
  });

  test("of a queue bounds all its jobs", async () => {
    const mill = await Mill.create(
      defineJob({ name: "a", run: () => null }),
      defineJob({ name: "b", run: () => null }),
    );
    await setQueueLimits(mill.db, by("test"), "default", {
      concurrency: null,
      rate: { limit: 3, perMs: 3_600_000, burst: 3 },
    });
    for (let n = 0; n < 4; n++) await Promise.all([mill.enqueue("a"), mill.enqueue("b")]);
    expect(await all((await claimer(mill)).claims)).toHaveLength(3);
  });
});

test("a queue's limit bounds what runs of all its jobs, also what waited before it had one", async () => {
  const mill = await Mill.create(
    defineJob({ name: "a", run: () => null }),
    defineJob({ name: "b", run: () => null }),
  );
  for (let n = 0; n < 3; n++) await Promise.all([mill.enqueue("a"), mill.enqueue("b")]);
  await setQueueLimits(mill.db, by("test"), "default", { concurrency: 2, rate: null });
  const { worker, claims } = await claimer(mill);
  const taken = await all(claims);
  expect(taken).toHaveLength(2);
  await mill.db.query("delete from millrace.lease where worker_id = $1", [worker]);
  expect(await all(claims)).toHaveLength(2);
  await setQueueLimits(mill.db, by("test"), "default", { concurrency: null, rate: null });
  expect(await all(claims)).toHaveLength(2);
});

test("a server that asks one run to wait holds its whole job back, on every worker", async () => {
  let calls = 0;
  const mill = await Mill.create(
    defineJob({
      name: "call",
      input: Call,
      run: () => {
        calls++;
        throw new RetryAfterError("429 Too Many Requests", 3_600_000, { hold: "job" });
      },
    }),
  );
  await mill.startWorker({ concurrency: 1 });
  const first = await mill.enqueue("call", {});
  await mill.untilState(first, "scheduled");
  await until("the job is held back", async () => {
    const [row] = await mill.rows(
      "select from millrace.pause where job = 'call' and whole and until > now() + interval '59 minutes'",
    );
    return row;
  });
  const second = await mill.enqueue("call", {});
  const { claims } = await claimer(mill);
  expect(await all(claims)).toEqual([]);
  expect(await mill.state(second)).toBe("queued");
  expect(calls).toBe(1);
});

describe("a rate that changes", () => {
  interface Units {
    limit: number;
    burst: number;
  }

  const job = (rate?: Units, key?: "account") =>
    defineJob({
      name: "call",
      input: Call,
      ...(rate && { rateLimit: { ...rate, per: "1h" as const, ...(key && { key }) } }),
      run: () => null,
    });

  /** How each scope has its rate changed. */
  const SCOPES: Record<string, (mill: Mill, rate: Units | undefined) => Promise<void>> = {
    job: (mill, rate) => new JobRegistry([job(rate)]).register(mill.db),
    key: (mill, rate) => new JobRegistry([job(rate, "account")]).register(mill.db),
    queue: (mill, rate) =>
      setQueueLimits(mill.db, by("test"), "default", {
        rate: rate ? { ...rate, perMs: 3_600_000 } : null,
      }),
  };

  /** A rate of 100 an hour, of which one has been taken; answers how many of the runs that wait start now. */
  async function begun(scope: string) {
    const mill = await Mill.create(job());
    const change = (rate: Units | undefined) => SCOPES[scope]!(mill, rate);
    await change({ limit: 100, burst: 100 });
    await mill.enqueue("call", { account: "a" });
    const { claims } = await claimer(mill);
    expect(await all(claims, 1)).toHaveLength(1);
    for (let n = 0; n < 20; n++) await mill.enqueue("call", { account: "a" });
    return { mill, change, starts: async () => (await all(claims, 20)).length };
  }

  test.each(Object.keys(SCOPES))("holds at once for a %s when it is lowered", async (scope) => {
    const { mill, change, starts } = await begun(scope);
    await change({ limit: 1, burst: 2 });
    expect(await starts()).toBe(2);
    await pass(mill, 3_000_000);
    expect(await starts()).toBe(0);
    await pass(mill, 600_000);
    expect(await starts()).toBe(1);
  });

  test.each(Object.keys(SCOPES))(
    "leaves a %s no more than its burst, also when it is raised again",
    async (scope) => {
      const { change, starts } = await begun(scope);
      await change({ limit: 1, burst: 2 });
      await change({ limit: 100, burst: 100 });
      expect(await starts()).toBe(2);
    },
  );

  test.each(Object.keys(SCOPES))("counts for a %s from the change, not before", async (scope) => {
    const { mill, change, starts } = await begun(scope);
    await change({ limit: 1, burst: 1 });
    expect(await starts()).toBe(1);
    await pass(mill, 1_800_000);
    await change({ limit: 60, burst: 20 });
    expect(await starts()).toBe(0);
    await pass(mill, 30_000);
    expect(await starts()).toBe(1);
  });

  test.each(Object.keys(SCOPES))("forgets what a %s had when it is taken away", async (scope) => {
    const { change, starts } = await begun(scope);
    await change({ limit: 1, burst: 1 });
    expect(await starts()).toBe(1);
    await change(undefined);
    await change({ limit: 1, burst: 3 });
    expect(await starts()).toBe(3);
  });
});

test("costs are settled while runs of the same rates are claimed, without a deadlock", async () => {
  const mill = await Mill.create(
    defineJob({
      name: "call",
      input: Call,
      rateLimit: [
        { limit: 10, per: "1h", burst: 10 },
        { key: "account", limit: 10, per: "1h", burst: 10 },
      ],
      run: () => null,
    }),
  );
  const { claims } = await claimer(mill);
  await mill.enqueue("call", { account: "a" });
  const [first] = await all(claims);
  await mill.enqueue("call", { account: "a" });
  const waiting = (count: number) =>
    until(`${count} wait`, async () => {
      const rows = await mill.rows(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length === count;
    });

  const other = await mill.connection();
  await other.query("begin");
  await other.query("select from millrace.bucket where scope = 'key' for update");
  const claimed = claims.claim(1);
  await waiting(1);
  const settled = settleCosts(mill.db, ["call"], [first!.passed!.key], ["default"], [0.5]);
  await waiting(2);
  await other.query("commit");
  expect(await claimed).toHaveLength(1);
  await settled;
  // Full at first, and one of the two has cost half of what it was charged.
  const buckets = await mill.rows(
    "select scope, round(tokens::numeric, 1)::float8 as tokens from millrace.bucket order by 1",
  );
  expect(buckets).toEqual([
    { scope: "job", tokens: 8.5 },
    { scope: "key", tokens: 8.5 },
  ]);
});
