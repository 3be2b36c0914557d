import { defineJob } from "@millrace/sdk";
import { Claimer, cancel, dispatch, keepGate, settle, tidyGate } from "millrace";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { takeBack } from "../../packages/server/src/store/reap.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import type { Claimed } from "./desk.ts";

/**
 * A model against the real thing: two workers, three tenants, limits by key, by job and by queue. Whatever is enqueued,
 * claimed at the same time, settled, retried, handed back, cancelled or lost with its worker: no limit is ever exceeded,
 * and in the end every run has been started; so no slot has leaked, and nobody has starved.
 */
const KEY_LIMIT = 2;
const JOB_LIMIT = 4;
const QUEUE_LIMIT = 5;

const Tenant = z.object({ tenant: z.string() });

const jobs = [
  defineJob({
    name: "keyed",
    input: Tenant,
    concurrency: [{ key: "tenant", limit: KEY_LIMIT }, { limit: JOB_LIMIT }],
    run: () => null,
  }),
  defineJob({ name: "free", input: Tenant, run: () => null }),
];

type Step =
  | { do: "enqueue"; job: "keyed" | "free"; tenant: string; count: number }
  | { do: "claim"; free: number }
  | {
      do: "settle";
      worker: 0 | 1;
      count: number;
      verdict: "complete" | "retry" | "release" | "fail";
    }
  | { do: "lose"; worker: 0 | 1 }
  | { do: "cancel"; pick: number }
  | { do: "file" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      job: fc.constantFrom("keyed" as const, "free" as const),
      tenant: fc.constantFrom("a", "b", "c"),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      free: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      worker: fc.constantFrom(0 as const, 1 as const),
      count: fc.integer({ min: 1, max: 4 }),
      verdict: fc.constantFrom(
        "complete" as const,
        "retry" as const,
        "release" as const,
        "fail" as const,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("lose" as const),
      worker: fc.constantFrom(0 as const, 1 as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("file" as const) }) },
);

const failure = { class: "Error", message: "boom", stack: null };

/** Two workers, and what each holds. */
class World {
  readonly mill: Mill;
  readonly held: Claimed[][] = [[], []];
  readonly ids: string[] = [];
  #workers: { id: number; claims: Claimer }[] = [];

  constructor(mill: Mill) {
    this.mill = mill;
  }

  async start(): Promise<void> {
    this.#workers = [await this.#worker(), await this.#worker()];
  }

  async #worker() {
    const id = await this.mill.workerRow();
    return { id, claims: new Claimer(this.mill.db, id, ["default"], ["keyed", "free"]) };
  }

  async take(each: Step): Promise<void> {
    const { db } = this.mill;
    switch (each.do) {
      case "enqueue": {
        const request = { job: each.job, input: { tenant: each.tenant }, trigger: "api" as const };
        const results = await this.mill.intake.acceptMany(
          Array.from({ length: each.count }, () => request),
        );
        for (const result of results) if ("run" in result) this.ids.push(result.run.id);
        return;
      }
      case "claim": {
        // Both at the same moment: the database decides.
        const taken = await Promise.all(this.#workers.map(({ claims }) => claims.claim(each.free)));
        taken.forEach((runs, n) => this.held[n]!.push(...runs));
        return;
      }
      case "settle": {
        const runs = this.held[each.worker]!.splice(0, each.count);
        await settle(
          db,
          this.#workers[each.worker]!.id,
          runs.map(({ leaseId, id }) => {
            const ids = { leaseId, runId: id };
            switch (each.verdict) {
              case "complete":
                return { ...ids, verdict: "complete", output: null };
              case "retry":
                return { ...ids, verdict: "retry", delayMs: 0, failure };
              case "fail":
                return { ...ids, verdict: "fail", failure };
              case "release":
                return { ...ids, verdict: "release" };
            }
          }),
        );
        return;
      }
      case "lose":
        await db.query("update millrace.worker set state = 'lost' where id = $1", [
          this.#workers[each.worker]!.id,
        ]);
        await takeBack(db, 1000, 1000, 1000, "0");
        this.held[each.worker] = [];
        this.#workers[each.worker] = await this.#worker();
        return;
      case "cancel": {
        const id = this.ids[each.pick % Math.max(1, this.ids.length)];
        if (id) await cancel(db, by("test"), { runId: id, reason: null }).catch(() => {});
        return;
      }
      case "file":
        await keepGate(db);
        await db.query("update millrace.timer set due_at = now()");
        await dispatch(db);
    }
  }

  /** Nothing runs beyond a limit. */
  async check(): Promise<void> {
    const [row] = await this.mill.rows<{ by_key: number; by_job: number; by_queue: number }>(
      `with running as (
          select r.job, r.input ->> 'tenant' as tenant from millrace.lease l
          cross join unnest(l.run_ids) u(id) join millrace.run r on r.id = u.id
        )
        select
          (select coalesce(max(n), 0)::int from (select count(*) as n from running where job = 'keyed' group by tenant) k) as by_key,
          (select count(*)::int from running where job = 'keyed') as by_job,
          (select count(*)::int from running) as by_queue`,
    );
    if (row!.by_key > KEY_LIMIT || row!.by_job > JOB_LIMIT || row!.by_queue > QUEUE_LIMIT) {
      throw new Error(`a limit is exceeded: ${JSON.stringify(row)}`);
    }
  }

  /**
   * Lets everything finish; what more rounds than that would need never starts.
   *
   * @returns how many runs and leases are left
   */
  async finish(): Promise<{ open: number; gate: number; lease: number } | undefined> {
    for (let round = 0; round < this.ids.length + 10; round++) {
      for (const worker of [0, 1] as const) {
        await this.take({ do: "settle", worker, count: 1000, verdict: "complete" });
      }
      await this.take({ do: "file" });
      await this.take({ do: "claim", free: 6 });
      await this.check();
    }
    await tidyGate(this.mill.db);
    const [left] = await this.mill.rows<{ open: number; gate: number; lease: number }>(
      `select (select count(*)::int from millrace.run where state is null) as open,
         (select count(*)::int from millrace.gate) as gate, (select count(*)::int from millrace.lease) as lease`,
    );
    return left;
  }
}

test(
  "no limit is ever exceeded, no slot leaks, and nobody starves, whatever happens",
  { timeout: 120_000 },
  async () => {
    const mill = await Mill.create(...jobs);
    await mill.db.query("update millrace.queue set concurrency = $1 where name = 'default'", [
      QUEUE_LIMIT,
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const world = new World(mill);
        await world.start();
        for (const each of steps) {
          await world.take(each);
          await world.check();
        }
        expect(await world.finish()).toEqual({ open: 0, gate: 0, lease: 0 });
      }),
      { numRuns: Number(process.env["MILLRACE_TEST_FLOW_RUNS"] ?? 8) },
    );
  },
);
