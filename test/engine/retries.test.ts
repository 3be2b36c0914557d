import { defineJob } from "@millrace/sdk";
import fc from "fast-check";
import { Claimer, type Outcome, dispatch, settle } from "millrace";
import { describe, expect, test } from "vitest";
import { Mill } from "../support/mill.ts";

const job = defineJob({ name: "any", run: () => null });
const failure = { class: "HttpError", message: "503 of order 4711", stack: null };

type Limits = Extract<Outcome, { verdict: "retry" }>["limits"];

async function claimAll(mill: Mill, free = 250) {
  const worker = await mill.workerRow();
  return { worker, runs: await new Claimer(mill.db, worker, ["default"], ["any"]).claim(free) };
}

async function fail(mill: Mill, { delayMs = 0, limits }: { delayMs?: number; limits: Limits }) {
  const { worker, runs } = await claimAll(mill);
  return settle(
    mill.db,
    worker,
    runs.map(({ leaseId, id }) => ({
      leaseId,
      runId: id,
      verdict: "retry",
      delayMs,
      failure,
      limits,
    })),
  );
}

describe("a bound on the time that retries may take", () => {
  const limits = (maxElapsedMs: number) => ({ job: "any", maxElapsedMs, budget: null });

  test("fails the run whose retry would start too late, with the reason on record", async () => {
    const mill = await Mill.create(job);
    const id = await mill.enqueue("any");
    expect(await fail(mill, { delayMs: 60_001, limits: limits(60_000) })).toEqual(["out of time"]);
    expect(await mill.run(id)).toMatchObject({ state: "failed", attempts: 1, failures: 1 });
    expect(
      await mill.rows(
        "select error_class, fingerprint ~ '^[0-9a-f]{16}$' as f from millrace.dead_letter",
      ),
    ).toEqual([{ error_class: "HttpError", f: true }]);
    expect(
      await mill.rows("select run_id, event, detail ->> 'maxElapsedMs' as ms from millrace.event"),
    ).toEqual([{ run_id: id, event: "gave up", ms: "60000" }]);
  });

  test("lets one that starts in time be made", async () => {
    const mill = await Mill.create(job);
    const id = await mill.enqueue("any");
    expect(await fail(mill, { delayMs: 30_000, limits: limits(60_000) })).toEqual(["recorded"]);
    expect(await mill.state(id)).toBe("scheduled");
  });

  test("counts from the start of the first attempt, also when that was lost", async () => {
    const mill = await Mill.create(job);
    const id = await mill.enqueue("any");
    expect(await fail(mill, { limits: limits(60_000) })).toEqual(["recorded"]);
    await mill.rows(
      "update millrace.attempt set outcome = 'lost', started_at = started_at - interval '1 hour'",
    );
    await dispatch(mill.db);
    expect(await fail(mill, { limits: limits(60_000) })).toEqual(["out of time"]);
    expect(await mill.run(id)).toMatchObject({ state: "failed", attempts: 2 });
  });

  test("does not stand in the way of a cancel", async () => {
    const mill = await Mill.create(job);
    const id = await mill.enqueue("any");
    const { worker, runs } = await claimAll(mill);
    await mill.rows("update millrace.lease set unwanted = run_ids");
    const [run] = runs;
    const outcome: Outcome = {
      leaseId: run!.leaseId,
      runId: id,
      verdict: "retry",
      delayMs: 9e6,
      failure,
    };
    expect(await settle(mill.db, worker, [{ ...outcome, limits: limits(1000) }])).toEqual([
      "recorded",
    ]);
    expect(await mill.state(id)).toBe("cancelled");
  });
});

describe("a budget of retries", () => {
  test("is shared by all workers: no window has more than it, none is dropped, none is early", async () => {
    const mill = await Mill.create(job);
    for (let n = 0; n < 40; n++) await mill.enqueue("any");
    const limits = { job: "any", maxElapsedMs: null, budget: { limit: 7, perMs: 60_000 } };
    const halves = [await claimAll(mill, 25), await claimAll(mill, 250)];
    const [{ at }] = (await mill.rows<{ at: Date }>("select clock_timestamp() as at")) as [
      { at: Date },
    ];
    await Promise.all(
      halves.map(({ worker, runs }) =>
        settle(
          mill.db,
          worker,
          runs.map(({ leaseId, id }) => ({
            leaseId,
            runId: id,
            verdict: "retry",
            delayMs: 500,
            failure,
            limits,
          })),
        ),
      ),
    );
    const timers = await mill.rows<{ due_at: Date; reason: string; window: Date }>(
      "select due_at, reason, date_bin('1 min', due_at, 'epoch') as window from millrace.timer order by due_at",
    );
    expect(timers).toHaveLength(40);
    const windows = new Map<number, number>();
    for (const { window } of timers) {
      windows.set(window.getTime(), (windows.get(window.getTime()) ?? 0) + 1);
    }
    expect([...windows.values()].toSorted((a, b) => b - a)).toEqual([7, 7, 7, 7, 7, 5]);
    expect(timers[0]!.due_at.getTime()).toBeGreaterThanOrEqual(at.getTime() + 500);
    expect(timers.filter(({ reason }) => reason === "retry budget").length).toBeGreaterThanOrEqual(
      33,
    );
  });

  test("puts a retry off beyond the bound of time into the dead letters", async () => {
    const mill = await Mill.create(job);
    for (let n = 0; n < 3; n++) await mill.enqueue("any");
    const limits = {
      job: "any",
      maxElapsedMs: 86_400_000,
      budget: { limit: 1, perMs: 86_400_000 },
    };
    const settled = await fail(mill, { limits });
    expect(settled.toSorted()).toEqual(["out of time", "recorded", "recorded"]);
  });

  test("that cannot be used up changes nothing", async () => {
    const mill = await Mill.create(job);
    const id = await mill.enqueue("any");
    const limits = { job: "any", maxElapsedMs: null, budget: { limit: 1000, perMs: 60_000 } };
    expect(await fail(mill, { delayMs: 1000, limits })).toEqual(["recorded"]);
    expect(await mill.rows("select run_id, reason from millrace.timer")).toEqual([
      { run_id: id, reason: "retry" },
    ]);
  });

  test("whatever retries want in whatever order, each window keeps to it and nobody waits in vain", async () => {
    const mill = await Mill.create(job);
    const batch = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        async (batches, limit) => {
          await mill.rows("truncate millrace.retry_budget, millrace.retry_window");
          const counts = new Map<number, number>();
          const base = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000;
          for (const wants of batches) {
            const wanted = wants.toSorted((a, b) => a - b).map((ms) => new Date(base + ms));
            const [row] = await mill.rows<{ due: Date[] }>(
              "select millrace.reserve_retries('any', $1, 1000, $2) as due",
              [limit, wanted],
            );
            row!.due.forEach((due, n) => {
              const at = due.getTime();
              const want = wanted[n]!.getTime();
              expect(at).toBeGreaterThanOrEqual(want);
              // Every window between what was wanted and what was given is full already.
              for (let w = Math.floor(want / 1000); w < Math.floor(at / 1000); w++) {
                expect(counts.get(w)).toBe(limit);
              }
              const window = Math.floor(at / 1000);
              counts.set(window, (counts.get(window) ?? 0) + 1);
              expect(counts.get(window)).toBeLessThanOrEqual(limit);
            });
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("that is changed is counted anew from then on, and what is over is forgotten", async () => {
    const mill = await Mill.create(job);
    const reserve = (limit: number, n: number) =>
      mill.rows(
        "select millrace.reserve_retries('any', $1, 1000, array_fill(clock_timestamp(), array[$2::int]))",
        [limit, n],
      );
    await reserve(1, 5);
    const [{ due }] = (await mill.rows<{ due: Date[] }>(
      "select millrace.reserve_retries('any', 10, 1000, array[clock_timestamp()]) as due",
    )) as [{ due: Date[] }];
    expect(due[0]!.getTime()).toBeLessThan(Date.now() + 900);
    await mill.rows("update millrace.retry_window set starts_at = starts_at - interval '1 hour'");
    await reserve(10, 1);
    expect(await mill.rows("select taken from millrace.retry_window")).toEqual([{ taken: 1 }]);
  });
});
