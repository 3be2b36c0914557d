import { defineJob } from "@millrace/sdk";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";
import { all, claimer } from "./desk.ts";

const Row = z.object({ n: z.number(), tenant: z.string().optional() });

describe("a batch", () => {
  test("is one call of the handler with the inputs of many runs, each with its own outcome", async () => {
    const calls: number[][] = [];
    const mill = await Mill.create(
      defineJob({
        name: "load",
        input: Row,
        batch: { size: 3, wait: "1h" },
        retry: { maxAttempts: 1 },
        run: (rows, ctx) => {
          calls.push(rows.map(({ n }) => n));
          ctx.log.info("loading", { rows: ctx.items.length });
          return rows.map(({ n }) => (n === 2 ? new TypeError("two is bad") : n * 10));
        },
      }),
    );
    const ids: string[] = [];
    for (let n = 1; n <= 4; n++) ids.push(await mill.enqueue("load", { n }));
    await mill.startWorker({ concurrency: 2 });
    expect(await mill.untilState(ids[0]!, "completed")).toMatchObject({ output: 10, attempts: 1 });
    expect(await mill.untilState(ids[1]!, "failed")).toMatchObject({ failures: 1 });
    expect(await mill.untilState(ids[2]!, "completed")).toMatchObject({ output: 30 });
    expect(calls).toEqual([[1, 2, 3]]);
    expect(await mill.state(ids[3]!)).toBe("queued");
    expect(await mill.rows("select count(*)::int as lines from millrace.log")).toEqual([
      { lines: 3 },
    ]);
  });

  test("that is not full starts when its oldest run has waited", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "load",
        input: Row,
        batch: { size: 100, wait: "50ms" },
        run: (rows) => rows.map(({ n }) => n),
      }),
    );
    await mill.startWorker();
    const ids = [await mill.enqueue("load", { n: 1 }), await mill.enqueue("load", { n: 2 })];
    for (const [n, id] of ids.entries()) {
      expect(await mill.untilState(id, "completed")).toMatchObject({ output: n + 1 });
    }
  });

  test("holds runs of one key, and takes one slot", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "load",
        input: Row,
        fairBy: "tenant",
        batch: { size: 2, wait: "1h" },
        run: (rows) => rows.map(() => null),
      }),
    );
    for (const tenant of ["a", "b", "a", "b", "a"]) await mill.enqueue("load", { n: 1, tenant });
    const runs = await (await claimer(mill)).claims.claim(2);
    expect(runs).toHaveLength(4);
    const tenants = byLease(runs);
    for (const lease of tenants) {
      expect(new Set(lease.map((run) => (run.input as { tenant: string }).tenant)).size).toBe(1);
    }
    expect(await all((await claimer(mill)).claims)).toEqual([]);
  });

  test("fails as a whole when its handler throws or answers too few results", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "load",
        input: Row,
        batch: { size: 2, wait: "0ms" },
        retry: { maxAttempts: 1 },
        run: () => [1],
      }),
    );
    const ids = [await mill.enqueue("load", { n: 1 }), await mill.enqueue("load", { n: 2 })];
    await mill.startWorker({ concurrency: 1 });
    for (const id of ids) await mill.untilState(id, "failed");
    const [row] = await mill.rows<{ error_message: string }>(
      "select distinct error_message from millrace.dead_letter",
    );
    expect(row?.error_message).toContain("a list of 1 for a batch of 2");
  });

  test("that a drain interrupts goes back without a counted failure", async () => {
    const started = signal();
    const mill = await Mill.create(
      defineJob({
        name: "load",
        input: Row,
        batch: { size: 2, wait: "0ms" },
        run: (rows, { signal: stop }) => {
          started.fire();
          return new Promise<null[]>((resolve, reject) => {
            stop.addEventListener("abort", () => reject(stop.reason as Error));
            if (rows.length === 0) resolve([]);
          });
        },
      }),
    );
    const ids = [await mill.enqueue("load", { n: 1 }), await mill.enqueue("load", { n: 2 })];
    const worker = await mill.startWorker({ drainMs: 0 });
    await started.promise;
    await worker.stop();
    await until("both are queued again", async () => {
      const states = await Promise.all(ids.map((id) => mill.run(id)));
      return states.every((run) => run.state === "queued" && run.failures === 0);
    });
  });

  test("called by itself is a batch of one", async () => {
    const load = defineJob({
      name: "load",
      input: Row,
      batch: { size: 9, wait: "1h" },
      run: (rows) => rows.map(({ n }) => n + 1),
    });
    expect(await load.call({ n: 1 })).toBe(2);
  });
});

function byLease<Run extends { leaseId: number }>(runs: readonly Run[]): Run[][] {
  return [...new Set(runs.map((run) => run.leaseId))].map((lease) =>
    runs.filter((run) => run.leaseId === lease),
  );
}
