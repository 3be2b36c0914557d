import { setTimeout as pause } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import { type Database, createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { awake } from "../../packages/server/src/runtime/awake-clock.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

/** What is planted must be told of within this time. */
const TOLD_WITHIN = { deadlineMs: 30_000 };

/** Of whom a self-test sends an outcome. */
const NOBODY = "00000000-0000-7000-8000-000000000000";

const any = defineJob({ name: "any", run: () => null });

/** The same database, but statements whose names begin so, sent after it was planted, do not come back until the end of the test. */
function hanging(db: Database, name: string): { db: Database; plant: () => number } {
  let planted = false;
  const hung: (() => void)[] = [];
  const query = (config: { name?: string }) =>
    planted && config.name?.startsWith(name)
      ? new Promise((_, reject) => hung.push(() => reject(new Error("the test is over"))))
      : db.query(config as Parameters<Database["query"]>[0]);
  const plant = () => {
    planted = true;
    // Before its worker is to stop.
    onTestFinished(() => {
      planted = false;
      for (const release of hung) release();
    });
    return awake.now();
  };
  return { db: Object.create(db, { query: { value: query } }) as Database, plant };
}

test("an idle worker proves itself by an outcome that goes the whole way, and leaves nothing behind", async () => {
  const mill = await Mill.create(any);
  const settled: unknown[] = [];
  const lines: string[] = [];
  const counting = Object.create(mill.db, {
    query: {
      value: async (config: { name?: string }) => {
        const result = await mill.db.query(config as Parameters<Database["query"]>[0]);
        if (config.name?.startsWith("settle_completed")) settled.push(result.rows[0]);
        return result;
      },
    },
  }) as Database;
  const logger = createLogger("info", { write: (text) => lines.push(text) });
  const recorded: number[] = [];
  const worker = await mill.startWorker({
    db: counting,
    logger,
    onRecorded: (_ms, outcomes) => recorded.push(outcomes),
    onSettled: () => recorded.push(-1),
  });
  await until("two of them came through", () => settled.length >= 2, { deadlineMs: 20_000 });
  expect(settled[0]).toMatchObject({ letters: "l" });
  expect(worker.health()).toEqual({ ok: true });
  for (const table of ["run", "lease", "attempt", "event", "dead_letter", "ready"]) {
    expect(await mill.rows(`select from millrace.${table}`), table).toEqual([]);
  }
  expect(recorded).toEqual([]);
  expect(lines).toEqual([]);
});

test("a worker whose real outcomes come through makes no test of its own", async () => {
  const mill = await Mill.create(any);
  let recordedAt = -Infinity;
  const idleMs: number[] = [];
  const counting = Object.create(mill.db, {
    query: {
      value: async (config: { name?: string; values?: unknown[] }) => {
        const settles = /^settle_(completed|whole)/.test(config.name ?? "");
        if (settles && JSON.stringify(config.values).includes(NOBODY)) {
          idleMs.push(performance.now() - recordedAt);
        }
        const result = await mill.db.query(config as Parameters<Database["query"]>[0]);
        if (settles) recordedAt = performance.now();
        return result;
      },
    },
  }) as Database;
  await mill.startWorker({ db: counting });
  const begun = awake.now();
  while (awake.now() - begun < 9000) {
    const id = await mill.enqueue("any");
    await mill.untilState(id, "completed");
    await pause(200);
  }
  // Only when it had none to show: before the first, or when it stood for so long. Of the worker's clock, which counts less than this one.
  expect(idleMs.filter((ms) => ms < 2999)).toEqual([]);
});

test("a claim loop that never comes back turns health red within 10 s, and says since when", async () => {
  const mill = await Mill.create(any);
  const { db, plant } = hanging(mill.db, "claim_from_front");
  const worker = await mill.startWorker({ db });
  await until("it is well", () => worker.health().ok);
  const plantedAt = plant();
  const health = await until("it is told of", () => !worker.health().ok && worker.health());
  // By the clock by which it is told: a machine that stands meanwhile gave it no time.
  expect(awake.now() - plantedAt).toBeLessThan(10_000);
  expect(health).toEqual({
    ok: false,
    why: expect.stringMatching(/^claim loop has not come back for \d+ s, since \d\d:\d\d:\d\dZ$/),
  });
});

test("outcomes that never come through turn health red, though nobody enqueues anything", async () => {
  const mill = await Mill.create(any);
  const { db, plant } = hanging(mill.db, "settle_completed");
  const worker = await mill.startWorker({ db });
  await until("it is well", () => worker.health().ok);
  plant();
  const health = await until(
    "it is told of",
    () => !worker.health().ok && worker.health(),
    TOLD_WITHIN,
  );
  expect(health).toEqual({
    ok: false,
    why: expect.stringMatching(/^no outcome has been recorded for \d+ s, since /),
  });
});

test("a statement that waits for somebody's lock turns health red, and green when it is over", async () => {
  const mill = await Mill.create(any);
  const holder = await mill.connection();
  const worker = await mill.startWorker();
  await until("it is well", () => worker.health().ok);
  await holder.query("begin");
  await holder.query("lock table millrace.ready in access exclusive mode");
  const health = await until(
    "it is told of",
    () => !worker.health().ok && worker.health(),
    TOLD_WITHIN,
  );
  expect(health).toMatchObject({ why: expect.stringContaining("claim loop has not come back") });
  await holder.query("rollback");
  await until("it is well again", () => worker.health().ok);
});

test("a worker that has its hands full, or whose queue is paused, is well", async () => {
  const { promise, fire } = signal();
  const long = defineJob({ name: "long", run: () => promise });
  const idle = defineJob({ name: "idle", queue: "idle", run: () => null });
  const mill = await Mill.create(long, idle);
  const full = await mill.startWorker({ concurrency: 1, queues: ["default"] });
  const paused = await mill.startWorker({ queues: ["idle"] });
  await mill.rows(
    "update millrace.queue set paused_at = now(), paused_by = 'x' where name = 'idle'",
  );
  await mill.enqueue("idle");
  const id = await mill.enqueue("long");
  await mill.untilState(id, "running");
  await until("both have claimed", () => full.health().ok && paused.health().ok);
  // For longer than a stall takes to be told of.
  const begun = awake.now();
  const seen: ReturnType<typeof full.health>[] = [];
  await until("time has gone by", () => {
    seen.push(full.health(), paused.health());
    return awake.now() - begun > 10_000;
  });
  expect(seen.filter(({ ok }) => !ok)).toEqual([]);
  fire();
  await mill.untilState(id, "completed");
});
