import { defineJob } from "@millrace/sdk";
import { Claimer, enqueue, keepPartitions, prune, settle } from "millrace";
import { expect, test } from "vitest";
import { DAY_MS, past, present } from "../support/history.ts";
import { Mill } from "../support/mill.ts";

const job = defineJob({ name: "any", run: () => null });

/** Really now: the runs of the load must not be old. */
const NOW = new Date();

const WEEK = { retentionMs: 7 * DAY_MS };

const OLD = `run_${new Date(NOW.getTime() - 9 * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "")}`;

async function withOldPartitions(): Promise<Mill> {
  const mill = await Mill.create(job);
  await keepPartitions(mill.db, { now: new Date(NOW.getTime() - 12 * DAY_MS), ...WEEK });
  await keepPartitions(mill.db, { now: NOW, ...WEEK });
  return mill;
}

/** Enqueues, claims and settles until it is told to stop; answers how long each took at the most, and how many it did. */
function load(mill: Mill, stop: AbortSignal): Promise<{ rounds: number; longestMs: number }> {
  return (async () => {
    const worker = await mill.workerRow();
    const claimer = new Claimer(mill.db, worker, ["default"], ["any"]);
    let [rounds, longestMs] = [0, 0];
    const timed = async <T>(work: Promise<T>): Promise<T> => {
      const startedAt = performance.now();
      const answer = await work;
      longestMs = Math.max(longestMs, performance.now() - startedAt);
      return answer;
    };
    while (!stop.aborted) {
      const requests = [{ job: "any", input: "{}", trigger: "api" as const }];
      await timed(enqueue(mill.db, requests));
      const runs = await timed(claimer.claim(1));
      const outcomes = runs.map(({ leaseId, id }) => ({
        leaseId,
        runId: id,
        verdict: "complete" as const,
        output: null,
      }));
      const settled = await timed(settle(mill.db, worker, outcomes));
      expect(settled).toEqual(runs.map(() => "recorded"));
      rounds += runs.length;
    }
    return { rounds, longestMs };
  })();
}

test("partitions are dropped while runs are enqueued, claimed and settled, and nothing is lost or long held up", async () => {
  const mill = await withOldPartitions();
  await past(mill, { now: NOW, daysAgo: 9, count: 3000, rich: true });
  const stop = new AbortController();
  const loaded = [load(mill, stop.signal), load(mill, stop.signal)];
  const { dropped, postponed } = await prune(mill.db, { now: NOW, ...WEEK });
  stop.abort();
  const results = await Promise.all(loaded);
  expect(dropped.length + postponed.length).toBeGreaterThan(5);
  expect(dropped.map(({ name }) => name)).toContain(OLD);
  for (const { rounds, longestMs } of results) {
    expect(rounds).toBeGreaterThan(5);
    // A tenth of a second for the lock; the rest is what a busy test machine takes.
    expect(longestMs).toBeLessThan(5000);
  }
  const done = results.reduce((sum, { rounds }) => sum + rounds, 0);
  expect(
    await mill.rows("select count(*)::int as n from millrace.run where state = 'completed'"),
  ).toEqual([{ n: done }]);
});

test("a transaction that has read the history puts the drop off, by name, and holds up nobody else", async () => {
  const mill = await withOldPartitions();
  const ids = await past(mill, { now: NOW, daysAgo: 9 });
  const reader = await mill.db.connect();
  await reader.query("set application_name = 'a long report'");
  await reader.query("begin isolation level repeatable read");
  await reader.query("select count(*) from millrace.run");
  const stop = new AbortController();
  const loaded = load(mill, stop.signal);
  const first = await prune(mill.db, { now: NOW, ...WEEK });
  stop.abort();
  expect(first.dropped.filter(({ table }) => table === "run")).toEqual([]);
  expect(first.postponed.map(({ name }) => name)).toContain(OLD);
  expect(first.postponed[0]?.by).toContain("a long report");
  expect((await loaded).longestMs).toBeLessThan(5000);
  expect(await present(mill, ids)).toEqual([true]);
  // The reader still sees what it saw.
  expect((await reader.query("select id from millrace.run where id = $1", [ids[0]])).rowCount).toBe(
    1,
  );
  await reader.query("commit");
  reader.release();
  // It is tried again at once, although it was looked at a moment ago.
  const second = await prune(mill.db, { now: NOW, ...WEEK });
  expect(second.dropped.map(({ name }) => name)).toContain(OLD);
  expect(await present(mill, ids)).toEqual([false]);
});

test("a held snapshot that has not touched the history does not keep partitions", async () => {
  const mill = await withOldPartitions();
  const ids = await past(mill, { now: NOW, daysAgo: 9 });
  const holder = await mill.db.connect();
  await holder.query("begin isolation level repeatable read");
  await holder.query("select count(*) from millrace.queue");
  const { dropped, postponed } = await prune(mill.db, { now: NOW, ...WEEK });
  expect(postponed).toEqual([]);
  expect(dropped.map(({ name }) => name)).toContain(OLD);
  expect(await present(mill, ids)).toEqual([false]);
  await holder.query("rollback");
  holder.release();
});
