import { defineJob } from "@millrace/sdk";
import { keepGate, settle, tidyGate } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { Mill } from "../support/mill.ts";
import { all, claimer, complete } from "./desk.ts";

const Tenant = z.object({ tenant: z.string(), n: z.number().optional() });

const perTenant = defineJob({
  name: "sync",
  input: Tenant,
  concurrency: { key: "tenant", limit: 2 },
  run: () => null,
});

describe("a limit by key", () => {
  test("lets so many runs of each key start, and the next when one has ended", async () => {
    const mill = await Mill.create(perTenant);
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push(await mill.enqueue("sync", { tenant: "a", n }));
    const b = await mill.enqueue("sync", { tenant: "b" });
    const { worker, claims } = await claimer(mill);
    const first = await all(claims);
    expect(new Set(first.map((run) => run.id))).toEqual(new Set([ids[0], ids[1], b]));
    expect(await all(claims)).toEqual([]);
    await settle(mill.db, worker, complete(first.filter((run) => run.id === ids[0])));
    expect((await all(claims)).map((run) => run.id)).toEqual([ids[2]]);
  });

  test("holds over all workers, and over the queues that its runs stand in", async () => {
    const mill = await Mill.create(
      perTenant,
      defineJob({ name: "x", queue: "urgent", run: () => null }),
    );
    for (let n = 0; n < 3; n++) await mill.enqueue("sync", { tenant: "a" });
    for (let n = 0; n < 3; n++) {
      await mill.intake.accept({
        job: "sync",
        input: { tenant: "a" },
        queue: "urgent",
        trigger: "api",
      });
    }
    const [one, two] = [await claimer(mill), await claimer(mill, ["urgent", "default"])];
    const taken = await Promise.all([
      all(one.claims),
      all(two.claims),
      all(one.claims),
      all(two.claims),
    ]);
    expect(taken.flat()).toHaveLength(2);
  });

  test("leaves no slot behind when a worker dies", async () => {
    const mill = await Mill.create(perTenant);
    for (let n = 0; n < 3; n++) await mill.enqueue("sync", { tenant: "a" });
    const { worker, claims } = await claimer(mill);
    expect(await all(claims)).toHaveLength(2);
    await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
    await takeBackLost(mill.db);
    const other = await claimer(mill);
    expect(await all(other.claims)).toHaveLength(2);
  });

  test("skips the newest when it is told to", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "sync",
        input: Tenant,
        concurrency: { key: "tenant", limit: 1, whenFull: "skip" },
        run: () => null,
      }),
    );
    const ids = [
      await mill.enqueue("sync", { tenant: "a" }),
      await mill.enqueue("sync", { tenant: "a" }),
    ];
    await keepGate(mill.db);
    expect(await mill.state(ids[0]!)).toBe("queued");
    expect(await mill.state(ids[1]!)).toBe("cancelled");
    const { claims } = await claimer(mill);
    expect((await all(claims)).map((run) => run.id)).toEqual([ids[0]]);
    const third = await mill.enqueue("sync", { tenant: "a" });
    await keepGate(mill.db);
    expect(await mill.state(third)).toBe("cancelled");
    expect(
      await mill.rows("select detail ->> 'reason' as why from millrace.event where run_id = $1", [
        third,
      ]),
    ).toEqual([{ why: "skipped: its key is full" }]);
  });

  test("keeps only the newest of those that wait when it is told to", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "sync",
        input: Tenant,
        concurrency: { key: "tenant", limit: 1, whenFull: "replace-waiting" },
        run: () => null,
      }),
    );
    const running = await mill.enqueue("sync", { tenant: "a" });
    const { worker, claims } = await claimer(mill);
    const taken = await all(claims);
    const waiting: string[] = [];
    for (let n = 0; n < 3; n++) {
      waiting.push(await mill.enqueue("sync", { tenant: "a" }));
      await keepGate(mill.db);
    }
    expect(await Promise.all(waiting.map((id) => mill.state(id)))).toEqual([
      "cancelled",
      "cancelled",
      "queued",
    ]);
    expect(await mill.state(running)).toBe("running");
    await settle(mill.db, worker, complete(taken));
    expect((await all(claims)).map((run) => run.id)).toEqual([waiting[2]]);
  });

  test("asks the oldest to stop for the newest when it is told to", async () => {
    const mill = await Mill.create(
      defineJob({
        name: "sync",
        input: Tenant,
        concurrency: { key: "tenant", limit: 1, whenFull: "cancel-running" },
        run: () => null,
      }),
    );
    const old = await mill.enqueue("sync", { tenant: "a" });
    const { worker, claims } = await claimer(mill);
    const taken = await all(claims);
    const fresh = await mill.enqueue("sync", { tenant: "a" });
    await keepGate(mill.db);
    expect(await mill.rows("select run_id from millrace.cancellation")).toEqual([{ run_id: old }]);
    const [run] = taken;
    await settle(mill.db, worker, [
      { leaseId: run!.leaseId, runId: old, verdict: "stop", failure: null },
    ]);
    expect(await mill.state(old)).toBe("cancelled");
    expect((await all(claims)).map((each) => each.id)).toEqual([fresh]);
  });
});

test("tenants with a backlog are served in turns", async () => {
  const mill = await Mill.create(
    defineJob({ name: "sync", input: Tenant, fairBy: "tenant", run: () => null }),
  );
  for (let n = 0; n < 20; n++) await mill.enqueue("sync", { tenant: "big", n });
  for (const tenant of ["s", "t"]) await mill.enqueue("sync", { tenant });
  const { claims } = await claimer(mill);
  const first = await claims.claim(3);
  const second = await claims.claim(3);
  const tenants = [...first, ...second].map((run) => (run.input as { tenant: string }).tenant);
  expect(tenants.slice(0, 5)).toEqual(expect.arrayContaining(["s", "t"]));
  expect(await all(claims)).toHaveLength(22 - tenants.length);
  expect(await mill.rows("select * from millrace.lane")).toEqual([]);
  expect(await mill.rows("select * from millrace.gate")).toEqual([]);
});

test("a job's limit holds over all of its keys", async () => {
  const mill = await Mill.create(
    defineJob({
      name: "sync",
      input: Tenant,
      concurrency: [{ limit: 3 }, { key: "tenant", limit: 2 }],
      run: () => null,
    }),
  );
  for (let n = 0; n < 12; n++) await mill.enqueue("sync", { tenant: `t${n % 4}` });
  const [one, two] = [await claimer(mill), await claimer(mill)];
  const taken = (await Promise.all([all(one.claims), all(two.claims)])).flat();
  expect(taken).toHaveLength(3);
});

test("what the sweep finds shut without a reason is opened", async () => {
  const mill = await Mill.create(perTenant);
  await mill.enqueue("sync", { tenant: "a" });
  await keepGate(mill.db);
  await mill.db.query(`update millrace.lane set "full" = true`);
  const { claims } = await claimer(mill);
  expect(await all(claims)).toEqual([]);
  await tidyGate(mill.db);
  expect(await all(claims)).toHaveLength(1);
});
