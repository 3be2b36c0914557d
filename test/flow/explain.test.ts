import { defineJob } from "@millrace/sdk";
import { explain, keepGate, pause, pauseJobOrKey, setQueueLimits } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { quiet } from "../../packages/server/src/engine/steer-worker.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { explaining } from "../support/plans.ts";
import { all, claimer } from "./desk.ts";

const Tenant = z.object({ tenant: z.string() });

const sync = defineJob({
  name: "sync",
  input: Tenant,
  concurrency: { key: "tenant", limit: 1 },
  run: () => null,
});
const plain = defineJob({ name: "plain", run: () => null });

/** A worker's row that takes everything, so that the lack of one is no reason. */
async function aWorker(mill: Mill): Promise<void> {
  await mill.db.query(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('w', 1, '{default}', '{sync,plain,load,call}', 'test', 12000)`,
  );
}

async function codes(mill: Mill, run: string): Promise<string[]> {
  return (await explain(mill.db, run)).blockers.map((blocker) => blocker.code);
}

describe("the explanation of a run", () => {
  test("that a full key holds back names the runs that hold it, and how many come first", async () => {
    const mill = await Mill.create(sync);
    await aWorker(mill);
    const [first, second, third] = [
      await mill.enqueue("sync", { tenant: "a" }),
      await mill.enqueue("sync", { tenant: "a" }),
      await mill.enqueue("sync", { tenant: "a" }),
    ];
    const { worker, claims } = await claimer(mill);
    await all(claims);
    const told = await explain(mill.db, third);
    expect(told).toMatchObject({
      state: "queued",
      expectedStart: null,
      blockers: [{ code: "key_full", ahead: 1, holders: [{ run: first, worker }] }],
    });
    expect(told.summary).toContain('key "a" is full, 1 of 1 running');
    expect(await explain(mill.db, second)).toMatchObject({
      blockers: [{ code: "key_full", ahead: 0 }],
    });
    expect(await explain(mill.db, first)).toMatchObject({ state: "running", blockers: [] });
  });

  test("agrees with the claim: without a blocker it is taken, with one it is not", async () => {
    const mill = await Mill.create(sync, plain);
    await aWorker(mill);
    const held = await mill.enqueue("sync", { tenant: "a" });
    await keepGate(mill.db);
    expect(await codes(mill, held)).toEqual([]);
    const cases: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
      [
        "queue_paused",
        () => pause(mill.db, by("me"), "default", "why"),
        () => mill.db.query("update millrace.queue set paused_at = null"),
      ],
      [
        "job_paused",
        () =>
          pauseJobOrKey(mill.db, by("me"), { job: "sync", key: null, reason: null, until: null }),
        () => mill.db.query("delete from millrace.pause"),
      ],
      [
        "key_paused",
        () =>
          pauseJobOrKey(mill.db, by("me"), { job: "sync", key: "a", reason: null, until: null }),
        () => mill.db.query("delete from millrace.pause"),
      ],
      [
        "queue_rate",
        async () => {
          await setQueueLimits(mill.db, by("test"), "default", {
            concurrency: null,
            rate: { limit: 1, perMs: 3_600_000, burst: 1 },
          });
          await mill.db.query(
            "insert into millrace.bucket values ('queue', 'default', '', 0, now())",
          );
        },
        () => mill.db.query("update millrace.queue set rate = null"),
      ],
    ];
    for (const [code, block, free] of cases) {
      await block();
      const { claims } = await claimer(mill);
      expect(await all(claims), code).toEqual([]);
      expect(await codes(mill, held), code).toEqual([code]);
      await free();
    }
    expect(await codes(mill, held)).toEqual([]);
    expect(await all((await claimer(mill)).claims)).toHaveLength(1);
  });

  test("that waits in its queue counts what comes first, and tells when it will start from a pace that is all that workers can do", async () => {
    const mill = await Mill.create(plain);
    await aWorker(mill);
    for (let n = 0; n < 3; n++) await mill.enqueue("plain");
    const urgent = await mill.intake.accept({ job: "plain", priority: 9, trigger: "api" });
    const last = await mill.enqueue("plain");
    expect(await explain(mill.db, last)).toMatchObject({
      blockers: [{ code: "behind", ahead: 4 }],
      expectedStart: null,
    });
    expect(await codes(mill, urgent.id)).toEqual([]);
    await mill.db.query(
      "insert into millrace.pace (worker_id, queue, per_second) values (1, 'default', 2)",
    );
    // All that was asked for of late has started at once: that is no pace at which more would.
    expect(await explain(mill.db, last)).toMatchObject({ expectedStart: null });
    await mill.db.query("update millrace.ready set since = now() - interval '1 hour'");
    expect(await explain(mill.db, last)).toMatchObject({ expectedStart: null });
    const startsOfLastMinute = async (starts: number) => {
      await mill.db.query("delete from millrace.queue_sample");
      await mill.db.query(
        `insert into millrace.queue_sample (minute, at, starts)
         select date_trunc('minute', at), at, jsonb_build_object('default', $1::int)
         from generate_series(now() - interval '1 minute', now(), interval '1 minute') at`,
        [starts],
      );
    };
    // A minute in which a pause lay, or nothing was asked for.
    await startsOfLastMinute(10);
    expect(await explain(mill.db, last)).toMatchObject({ expectedStart: null });
    await startsOfLastMinute(110);
    const before = Date.now();
    const { expectedStart } = await explain(mill.db, last);
    expect(Date.parse(expectedStart!)).toBeGreaterThan(before + 2000);
    expect(Date.parse(expectedStart!)).toBeLessThan(Date.now() + 3000);
  });

  test("for which there are slots, with all that comes first, starts when the pause ends, however few have started of late", async () => {
    const mill = await Mill.create(sync, plain);
    await aWorker(mill);
    await mill.db.query(
      "insert into millrace.pace (worker_id, queue, per_second) values (1, 'default', 0.02)",
    );
    const end = new Date(Date.now() + 3_600_000);
    await pause(mill.db, by("me"), "default", null, end);
    for (let n = 0; n < 2; n++) await mill.enqueue("plain");
    const last = await mill.enqueue("plain");
    const starts = async (run: string) => (await explain(mill.db, run)).expectedStart;
    const slots = (n: number) => mill.db.query("update millrace.worker set concurrency = $1", [n]);
    await slots(3);
    expect(await starts(last)).toBe(end.toISOString());
    // One would have to end first, and nobody knows when it does.
    await slots(2);
    expect(await starts(last)).toBeNull();
    await slots(20);
    // Slots are of no use to runs that start one after another.
    await mill.enqueue("sync", { tenant: "a" });
    const second = await mill.enqueue("sync", { tenant: "a" });
    await keepGate(mill.db);
    expect(await starts(second)).toBeNull();
  });

  test("that no living worker could take says so", async () => {
    const mill = await Mill.create(plain);
    const id = await mill.enqueue("plain");
    const [blocker] = (await explain(mill.db, id)).blockers;
    expect(blocker).toMatchObject({ code: "no_worker" });
    expect(blocker?.message).toContain("no living worker takes plain from queue default");
  });

  test("that only quiet workers could take names them, and what ends it", async () => {
    const mill = await Mill.create(plain);
    const id = await mill.enqueue("plain");
    const told = async () => {
      const [blocker] = (await explain(mill.db, id)).blockers;
      expect(blocker).toMatchObject({ code: "no_worker" });
      return blocker!.message;
    };
    await aWorker(mill);
    const { rows } = await mill.db.query<{ id: number }>("select id from millrace.worker");
    const first = rows[0]!.id;
    await quiet(mill.db, by("Ana"), first);
    expect(await told()).toBe(
      `worker ${first}, which takes plain from queue default, is quiet: it was asked to take nothing new; millrace workers resume ${first}`,
    );
    await aWorker(mill);
    await mill.db.query("update millrace.worker set state = 'draining' where id <> $1", [first]);
    expect(await told()).toContain(`; millrace workers resume ${first}`);
    await mill.db.query(
      "update millrace.worker set quieted_at = now(), quieted_by = 'Ana' where id <> $1",
      [first],
    );
    expect(await told()).toMatch(
      /^workers \d+ and \d+, which take plain from queue default, are quiet: they were asked to take nothing new; millrace workers resume \d+$/,
    );
    await mill.db.query("update millrace.worker set quieted_at = null, quieted_by = null");
    expect(await told()).toBe("all workers that take plain from queue default are stopping");
  });

  test("that is not due, or fills a batch, says when", async () => {
    const load = defineJob({
      name: "load",
      input: Tenant,
      batch: { size: 5, wait: "1h" },
      run: (rows) => rows.map(() => null),
    });
    const mill = await Mill.create(plain, load);
    await aWorker(mill);
    const { id, dueAt } = await mill.intake.accept({
      job: "plain",
      trigger: "api",
      delayMs: 60_000,
    });
    expect(await explain(mill.db, id)).toMatchObject({
      state: "scheduled",
      blockers: [{ code: "not_due", until: dueAt!.toISOString() }],
      expectedStart: dueAt!.toISOString(),
    });
    const batched = await mill.enqueue("load", { tenant: "a" });
    expect(await all((await claimer(mill)).claims)).toEqual([]);
    expect(await codes(mill, batched)).toEqual(["batch_fills"]);
  });

  // Each look at all that waits would touch 50 pages or more for a thousand parcels.
  test("costs no more with a long backlog than with a short one, wherever the run stands", async () => {
    const mill = await Mill.create(sync, plain);
    await aWorker(mill);
    await mill.enqueue("sync", { tenant: "a" });
    await all((await claimer(mill)).claims);
    const [held, waiting] = [
      await mill.enqueue("sync", { tenant: "a" }),
      await mill.enqueue("plain"),
    ];
    await keepGate(mill.db);
    const lengthen = async (parcels: number) => {
      await mill.db.query(
        `insert into millrace.gate (queue, job, key, priority, start_by, since, cost, run_ids)
         select 'default', 'sync', 'a', 0, now() - interval '1 hour', now(), 1, array[gen_random_uuid()]
         from generate_series(1, $1)`,
        [parcels],
      );
      await mill.db.query(
        `insert into millrace.ready (queue, priority, job, run_ids, start_by)
         select 'default', 0, 'plain', array[gen_random_uuid()], now() - interval '1 hour'
         from generate_series(1, $1)`,
        [parcels],
      );
      const looked = [];
      for (const run of [held, waiting]) {
        const connection = await explaining(mill.db);
        const [first] = (await explain(connection, run)).blockers;
        looked.push({ code: first?.code, ahead: first?.ahead, blocks: connection.blocks });
      }
      return looked;
    };
    const short = await lengthen(2500);
    const long = await lengthen(20_000);
    for (const [place, code] of ["key_full", "behind"].entries()) {
      expect(short[place]).toMatchObject({ code, ahead: 2000 });
      expect(long[place]).toMatchObject({ code, ahead: 2000 });
      expect(long[place]!.blocks - short[place]!.blocks, code).toBeLessThan(250);
    }
  });

  test("that stands further back than it looks says so, and does not guess when it starts", async () => {
    const mill = await Mill.create(plain);
    await aWorker(mill);
    await mill.db.query(
      `insert into millrace.ready (queue, priority, job, run_ids)
       select 'default', 0, 'plain', array[gen_random_uuid(), gen_random_uuid()] from generate_series(1, 2000)`,
    );
    const last = await mill.enqueue("plain");
    await mill.db.query(
      "insert into millrace.pace (worker_id, queue, per_second) values (1, 'default', 2)",
    );
    expect(await explain(mill.db, last)).toMatchObject({
      blockers: [{ code: "behind", message: "4,000 or more runs in queue default come first" }],
      expectedStart: null,
    });
  });
});
