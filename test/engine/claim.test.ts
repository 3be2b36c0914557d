import { defineJob } from "@millrace/sdk";
import { Claimer, enqueue, pause, resume } from "millrace";
import { describe, expect, test } from "vitest";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";

const job = defineJob({ name: "any", run: () => null });
const other = defineJob({ name: "other", queue: "mail", run: () => null });

function requests(count: number, extra: object = {}) {
  return Array.from({ length: count }, () => ({
    job: "any",
    input: "{}",
    trigger: "api" as const,
    ...extra,
  }));
}

async function accept(mill: Mill, count: number, extra: object = {}): Promise<string[]> {
  const results = await enqueue(mill.db, requests(count, extra));
  return results.map((result) => ("run" in result ? result.run.id : "refused"));
}

async function claimer(mill: Mill, queues = ["default"], jobs = ["any"]): Promise<Claimer> {
  return new Claimer(mill.db, await mill.workerRow(), queues, jobs);
}

function idsOf(rows: { id: string }[]): string[] {
  return rows.map((row) => row.id);
}

describe("a claim", () => {
  test("takes the oldest first, no more than asked, and splits a parcel that holds more", async () => {
    const mill = await Mill.create(job);
    const ids = await accept(mill, 25);
    const claims = await claimer(mill);
    const taken = [await claims.claim(10), await claims.claim(10), await claims.claim(10)];
    expect(taken.map(idsOf)).toEqual([ids.slice(0, 10), ids.slice(10, 20), ids.slice(20)]);
    expect(await mill.rows("select seq from millrace.ready")).toEqual([]);
  });

  test("takes higher priorities first, whenever they came", async () => {
    const mill = await Mill.create(job);
    const low = await accept(mill, 2, { priority: -1 });
    const high = await accept(mill, 2, { priority: 9 });
    const normal = await accept(mill, 2);
    expect(idsOf(await (await claimer(mill)).claim(6))).toEqual([...high, ...normal, ...low]);
  });

  test("finds a priority that first appears under load, within its next looks at the front", async () => {
    const mill = await Mill.create(job);
    await accept(mill, 1000);
    const claims = await claimer(mill);
    await claims.claim(10);
    const urgent = await accept(mill, 1, { priority: 50 });
    const taken: string[] = [];
    // The claimer looks at the whole once a second; until then it goes on where it was.
    for (const until = Date.now() + 5000; Date.now() < until && !taken.includes(urgent[0]!);) {
      taken.push(...idsOf(await claims.claim(1)));
    }
    expect(taken).toContain(urgent[0]);
    expect(taken.length).toBeLessThan(1001);
  });

  test("finds an older number that is committed after it has gone past it", async () => {
    const mill = await Mill.create(job);
    const late = await mill.connection();
    await late.query("begin");
    await late.query("select millrace.enqueue('any', '{}')");
    await accept(mill, 4);
    const claims = await claimer(mill);
    expect(await claims.claim(2)).toHaveLength(2);
    expect(await claims.claim(1)).toHaveLength(1);
    await late.query("commit");
    expect(await claims.claim(5)).toHaveLength(2);
    expect(await mill.rows("select seq from millrace.ready")).toEqual([]);
  });

  test("leaves runs of jobs that the worker does not know, and of queues that are not its own", async () => {
    const mill = await Mill.create(job, other);
    await accept(mill, 1, { queue: "mail" });
    await accept(mill, 1, { job: "other", queue: "default" });
    expect(await (await claimer(mill, ["default"], ["any"])).claim(10)).toEqual([]);
    expect(await (await claimer(mill, ["mail"], ["any"])).claim(10)).toHaveLength(1);
    expect(await (await claimer(mill, ["default"], ["other"])).claim(10)).toHaveLength(1);
  });

  test("takes nothing from a paused queue, and goes on when it is resumed", async () => {
    const mill = await Mill.create(job);
    await accept(mill, 30);
    const claims = await claimer(mill);
    await claims.claim(10);
    await pause(mill.db, by("ana"), "default", "vendor down");
    expect(await claims.claim(10)).toEqual([]);
    await resume(mill.db, by("test"), "default");
    expect(await claims.claim(20)).toHaveLength(20);
  });

  test("of several queues gives each the first turn in its turn", async () => {
    const mill = await Mill.create(job, other);
    await accept(mill, 10);
    await accept(mill, 10, { queue: "mail" });
    const claims = await claimer(mill, ["default", "mail"]);
    const queues = [await claims.claim(10), await claims.claim(10)].map(
      (rows) => rows.at(-1)?.parcel?.queue,
    );
    expect(new Set(queues)).toEqual(new Set(["default", "mail"]));
  });

  test("gives every run to exactly one of many workers at once", async () => {
    const mill = await Mill.create(job);
    const ids = [
      ...(await accept(mill, 700)),
      ...(await accept(mill, 1)),
      ...(await accept(mill, 1)),
    ];
    const claims = await Promise.all(Array.from({ length: 5 }, () => claimer(mill)));
    const taken: string[] = [];
    await Promise.all(
      claims.map(async (one) => {
        for (let rows; (rows = await one.claim(7)).length > 0;) taken.push(...idsOf(rows));
      }),
    );
    // A claimer may come away empty while another holds the last parcel; whoever is left takes the rest.
    for (let rows; (rows = await claims[0]!.claim(7)).length > 0;) taken.push(...idsOf(rows));
    expect(taken.sort()).toEqual(ids.sort());
  });

  test("of more runs than one lease may hold opens several, and tells of each run where it stands in its own", async () => {
    const mill = await Mill.create(job);
    const ids = [...(await accept(mill, 400)), ...(await accept(mill, 1))];
    const runs = await (await claimer(mill)).claim(1000);
    expect(idsOf(runs)).toEqual(ids);
    const leases = await mill.rows<{ id: number; run_ids: string[]; at: string }>(
      "select id, run_ids::text[], claimed_at::text as at from millrace.lease order by id",
    );
    expect(leases.map(({ run_ids: held }) => held)).toEqual([ids.slice(0, 250), ids.slice(250)]);
    const seats = runs.map(({ leaseId, place, opening }) => ({ leaseId, place, opening }));
    expect(seats).toEqual(
      leases.flatMap(({ id, run_ids: held, at }) =>
        held.map((_, place) => ({
          leaseId: Number(id),
          place,
          opening: { at, runs: held.length },
        })),
      ),
    );
  });

  test("holds no more in a lease where runs pass the gate, and takes all of them", async () => {
    const limited = defineJob({
      name: "limited",
      concurrency: { limit: 1000 },
      run: () => null,
    });
    const mill = await Mill.create(job, limited);
    const first = await accept(mill, 600, { job: "limited" });
    const behind = await accept(mill, 300);
    const claims = await claimer(mill, ["default"], ["any", "limited"]);
    const taken: string[] = [];
    for (let runs; (runs = await claims.claim(500)).length > 0;) taken.push(...idsOf(runs));
    expect(taken.toSorted()).toEqual([...first, ...behind].toSorted());
    const [most] = await mill.rows("select max(cardinality(run_ids)) as most from millrace.lease");
    expect(most).toEqual({ most: 250 });
  });

  test("gives the longest inputs that are let in, as many at once as it may", async () => {
    const mill = await Mill.create(job);
    const text = "x".repeat(262_100);
    await mill.db.query("select millrace.enqueue('any', $1) from generate_series(1, 500)", [
      JSON.stringify({ text }),
    ]);
    const claims = await claimer(mill, ["default"], ["any"]);
    const taken: number[] = [];
    for (let runs; (runs = await claims.claim(500)).length > 0; taken.push(runs.length)) {
      expect(runs.every(({ input }) => (input as { text: string }).text === text)).toBe(true);
    }
    expect(taken).toEqual([500]);
  });

  test("tells what is unusual about some runs of those, and of no other", async () => {
    const mill = await Mill.create(job);
    const plain = requests(2);
    const all = [
      ...plain,
      ...requests(1, { correlationId: "a", traceContext: "t1" }),
      ...plain,
      ...requests(2, { correlationId: "b" }),
      ...requests(1, { trigger: "event" }),
      ...plain,
    ];
    await enqueue(mill.db, all);
    await accept(mill, 3);
    const runs = await (await claimer(mill)).claim(100);
    const told = new Map(
      runs.map(({ id, correlationId, traceContext, trigger }) => [
        id,
        { correlationId, traceContext, trigger },
      ]),
    );
    const stored = await mill.rows<{ id: string }>(
      `select id, correlation_id as "correlationId", trace_context as "traceContext", trigger from millrace.run`,
    );
    expect(stored).toHaveLength(all.length + 3);
    for (const { id, ...is } of stored) expect(told.get(id), id).toEqual(is);
    expect(new Set([...told.values()].map(({ correlationId }) => correlationId))).toEqual(
      new Set([null, "a", "b"]),
    );
  });

  test("leaves runs whose ids lie between those of a parcel, and which stand elsewhere", async () => {
    const mill = await Mill.create(job);
    const ids = await accept(mill, 20);
    // Of another call in the same millisecond, as one that was moved, or waits for its time.
    await mill.db.query(
      `insert into millrace.run (id, job, queue, priority, trigger, input)
       select overlay(id::text placing '8000-000000000000' from 20)::uuid, job, queue, priority, trigger, input from millrace.run
       union all select overlay(id::text placing 'bfff-ffffffffffff' from 20)::uuid, job, queue, priority, trigger, input from millrace.run`,
    );
    const claims = await claimer(mill);
    expect(idsOf(await claims.claim(15))).toEqual(ids.slice(0, 15));
    expect(idsOf(await claims.claim(15))).toEqual(ids.slice(15));
  });

  test("leaves the runs that were taken out of its parcel, and takes those on both sides", async () => {
    const mill = await Mill.create(job);
    const ids = await accept(mill, 20);
    await mill.db.query("update millrace.ready set run_ids = array_remove(run_ids, $1)", [ids[7]]);
    const claims = await claimer(mill);
    const left = ids.filter((id) => id !== ids[7]);
    expect(idsOf(await claims.claim(10))).toEqual(left.slice(0, 10));
    expect(idsOf(await claims.claim(10))).toEqual(left.slice(10));
  });

  test("takes no more than asked under whatever plan the database chooses", async () => {
    const mill = await Mill.create(job);
    const methods = [
      "nestloop",
      "hashjoin",
      "mergejoin",
      "seqscan",
      "indexscan",
      "bitmapscan",
      "material",
    ];
    for (let round = 0; round < 40; round++) {
      const client = await mill.db.connect();
      try {
        for (const method of methods) {
          await client.query(`set enable_${method} = ${Math.random() < 0.5 ? "on" : "off"}`);
        }
        await client.query("discard plans");
        await accept(mill, 3);
        await accept(mill, 2);
        const claims = new Claimer(client, await mill.workerRow(), ["default"], ["any"]);
        const want = 1 + (round % 4);
        expect((await claims.claim(want)).length).toBe(want);
        const [sum] = await mill.rows<{ held: number; ready: number }>(
          `select (select sum(cardinality(run_ids))::int from millrace.lease) as held,
             (select sum(cardinality(run_ids))::int from millrace.ready) as ready`,
        );
        expect(sum).toEqual({ held: want, ready: 5 - want });
        await mill.db.query("truncate millrace.ready, millrace.lease");
      } finally {
        client.release(true);
      }
    }
  });
});
