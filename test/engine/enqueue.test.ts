import { defineJob } from "@millrace/sdk";
import { dispatch, enqueue, inTransaction } from "millrace";
import { describe, expect, test } from "vitest";
import { Mill } from "../support/mill.ts";

const job = defineJob({ name: "any", priority: 3, run: () => null });
const mailed = defineJob({ name: "mailed", queue: "mail", run: () => null });

const request = { job: "any", input: "{}", trigger: "api" } as const;

describe("enqueue", () => {
  test("accepts many in their order: ids sort as given, and parcels hold 250 of them", async () => {
    const mill = await Mill.create(job);
    const results = await enqueue(
      mill.db,
      Array.from({ length: 600 }, (_, n) => ({ ...request, input: JSON.stringify({ n }) })),
    );
    const ids = results.map((result) => ("run" in result ? result.run.id : ""));
    expect(ids).toEqual([...ids].sort());
    const parcels = await mill.rows<{ run_ids: string }>(
      "select array_to_string(run_ids, ' ') as run_ids from millrace.ready order by seq",
    );
    expect(parcels.map((parcel) => parcel.run_ids.split(" ").length)).toEqual([250, 250, 100]);
    expect(parcels.flatMap((parcel) => parcel.run_ids.split(" "))).toEqual(ids);
  });

  test("the quick way for runs that are alike leaves what the general way leaves", async () => {
    const later = defineJob({
      name: "later",
      priority: 2,
      startWithin: "5s",
      ttl: "1h",
      run: () => null,
    });
    const limited = defineJob({ name: "limited", concurrency: { limit: 1 }, run: () => null });
    const mill = await Mill.create(job, later, limited);
    const inputs = ["{}", "null", '{\n  "a": "line\\nbreak"\n}', '[1,"\u2028"]', '"text"'];
    for (const name of ["any", "later", "limited"]) {
      const alike = inputs.map((input) => ({ ...request, job: name, input }));
      await enqueue(mill.db, alike);
      // A correlation id takes them the general way.
      await enqueue(
        mill.db,
        alike.map((one) => ({ ...one, correlationId: "general" })),
      );
    }
    const rows = (correlation: string) =>
      mill.rows(
        `select r.job, r.queue, r.priority, r.trigger, r.input, r.state, r.attempts,
           round(extract(epoch from r.expires_at - millrace.uuid_time(r.id))) as ttl,
           (select count(*)::int from millrace.expiry e where e.run_id = r.id) as expiries,
           p.gated, round(extract(epoch from p.start_by - millrace.uuid_time(r.id))) as start_within, p.priority as level,
           cardinality(p.run_ids) as together
         from millrace.run r join millrace.ready p on p.run_ids @> array[r.id]
         where r.correlation_id is not distinct from ${correlation} order by r.job, r.id`,
      );
    expect(await rows("null")).toEqual(await rows("'general'"));
    expect(await rows("null")).toHaveLength(15);
  });

  test("one that is refused does not hold up the others of its batch, keyed or not", async () => {
    const mill = await Mill.create(job);
    const results = await enqueue(mill.db, [
      request,
      { ...request, job: "unheard-of" },
      { ...request, idempotencyKey: "k", input: '{"a":1}' },
      { ...request, queue: "nowhere" },
      { ...request, idempotencyKey: "k", input: '{"a":2}' },
      { ...request, idempotencyKey: "k", input: '{"a": 1}' },
    ]);
    expect(results.map((r) => ("run" in r ? r.run.created : r.error.code))).toEqual([
      true,
      "unknown_job",
      true,
      "queue_not_found",
      "idempotency_key_reused",
      false,
    ]);
    const [count] = await mill.rows("select count(*)::int as runs from millrace.run");
    expect(count).toEqual({ runs: 2 });
  });

  test("the same key at the same time from many callers is one run", async () => {
    const mill = await Mill.create(job);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        enqueue(mill.db, [{ ...request, idempotencyKey: "once", input: '{"a":1}' }]),
      ),
    );
    const runs = answers.flat().map((result) => ("run" in result ? result.run : undefined));
    expect(new Set(runs.map((run) => run?.id)).size).toBe(1);
    expect(runs.filter((run) => run?.created)).toHaveLength(1);
    expect(await mill.rows("select id from millrace.run")).toHaveLength(1);
  });

  test("a key goes with any input: escapes in its text, and null, which is no input", async () => {
    const mill = await Mill.create(job);
    const input = JSON.stringify({ text: 'two\nlines, a "quote", a \\ and \\101' });
    for (const given of [input, "null", "{}"]) {
      const keyed = { ...request, input: given, idempotencyKey: given };
      const [first, again] = await enqueue(mill.db, [keyed, keyed]);
      expect(first).toMatchObject({ run: { created: true } });
      expect(again).toMatchObject({ run: { created: false } });
    }
    await enqueue(mill.db, [{ ...request, input: "null" }]);
    const stored = await mill.rows<{ input: unknown }>(
      "select input from millrace.run order by input <> '{}' desc",
    );
    expect(stored.map((row) => row.input)).toEqual([JSON.parse(input), {}, {}, {}]);
    const reused = await enqueue(mill.db, [
      { ...request, input: '"1"', idempotencyKey: "kind" },
      { ...request, input: "1", idempotencyKey: "kind" },
    ]);
    expect(reused[1]).toMatchObject({ error: { code: "idempotency_key_reused" } });
  });

  test("batches with the same keys in opposite orders do not wait for each other in a circle", async () => {
    const mill = await Mill.create(job);
    const batch = Array.from({ length: 200 }, (_, n) => ({ ...request, idempotencyKey: `k${n}` }));
    for (let round = 0; round < 5; round++) {
      const keyed = batch.map((one) => ({
        ...one,
        idempotencyKey: `${round} ${one.idempotencyKey}`,
      }));
      const answers = await Promise.all([
        enqueue(mill.db, keyed),
        enqueue(mill.db, keyed.toReversed()),
        enqueue(mill.db, keyed),
        enqueue(mill.db, keyed.toReversed()),
      ]);
      const runs = answers.flat().map((result) => ("run" in result ? result.run.id : "refused"));
      expect(new Set(runs).size).toBe(batch.length);
    }
  });

  test("a run that is not due stands in timer, and one whose time has passed in ready", async () => {
    const mill = await Mill.create(job);
    const at = (offsetMs: number) => ({
      job: "any",
      trigger: "api" as const,
      runAt: new Date(Date.now() + offsetMs),
    });
    const past = await mill.intake.accept(at(-5000));
    const later = await mill.intake.accept(at(60_000));
    const delayed = await mill.intake.accept({ job: "any", trigger: "api", delayMs: 60_000 });
    const keyed = await mill.intake.accept({
      job: "any",
      trigger: "api",
      delayMs: 60_000,
      idempotencyKey: "k",
    });
    for (const { id, dueAt } of [delayed, keyed]) {
      expect(await mill.state(id)).toBe("scheduled");
      expect(dueAt!.getTime()).toBeGreaterThan(Date.now() + 30_000);
    }
    expect(await mill.state(past.id)).toBe("queued");
    expect(await mill.state(later.id)).toBe("scheduled");
  });

  test("takes queue and priority from the job unless the request says otherwise", async () => {
    const mill = await Mill.create(job, mailed);
    await enqueue(mill.db, [request, { ...request, queue: "mail", priority: -5 }]);
    expect(await mill.rows("select queue, priority from millrace.ready order by seq")).toEqual([
      { queue: "default", priority: 3 },
      { queue: "mail", priority: -5 },
    ]);
  });

  test("an id is a UUIDv7 of the database's time", async () => {
    const mill = await Mill.create(job);
    const id = await mill.enqueue("any");
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const [row] = await mill.rows<{ age: number }>(
      "select extract(epoch from clock_timestamp() - millrace.uuid_time($1))::float8 as age",
      [id],
    );
    expect(row!.age).toBeGreaterThanOrEqual(0);
    expect(row!.age).toBeLessThan(60);
  });
});

describe("millrace.enqueue in SQL", () => {
  test("belongs to the caller's transaction: rolled back, there is no run", async () => {
    const mill = await Mill.create(job);
    await expect(
      inTransaction(mill.db, async (tx) => {
        await tx.query({ text: "select millrace.enqueue('any', '{}')" });
        throw new Error("the caller's own work failed");
      }),
    ).rejects.toThrow("own work");
    expect(await mill.rows("select id from millrace.run")).toEqual([]);
    expect(await mill.rows("select seq from millrace.ready")).toEqual([]);
  });

  test("takes all options, and a worker runs what it enqueued", async () => {
    const mill = await Mill.create(job, mailed);
    const [row] = await mill.rows<{ id: string }>(
      `select millrace.enqueue('mailed', '{"a": 1}', key => 'k', priority => 7,
         correlation_id => 'request-9') as id`,
    );
    const [again] = await mill.rows<{ id: string }>(
      `select millrace.enqueue('mailed', '{"a":1}', key => 'k') as id`,
    );
    expect(again).toEqual(row);
    expect(
      await mill.rows(
        "select queue, priority, trigger::text, correlation_id, idempotency_key from millrace.run",
      ),
    ).toEqual([
      {
        queue: "mail",
        priority: 7,
        trigger: "sql",
        correlation_id: "request-9",
        idempotency_key: "k",
      },
    ]);
    for (const call of ["'unheard-of', '{}'", "'unheard-of', '{}', queue => 'default'"]) {
      const refused = mill.rows(`select millrace.enqueue(${call})`);
      await expect(refused).rejects.toThrow("no job named 'unheard-of' is registered");
    }
  });

  test("an input that would burst a claim is refused, also one of numbers that are long written out", async () => {
    const mill = await Mill.create(job);
    for (const [input, bytes] of [
      ["jsonb_build_object('a', repeat('x', 400000))", 400_009],
      // 262,144 bytes are allowed, and the spaces that PostgreSQL writes between are not counted.
      ["to_jsonb(repeat('x', 262143))", 262_145],
      ["to_jsonb(repeat('é, \"', 65536))", 393_218],
      ["(select jsonb_agg(1) from generate_series(1, 131072))", 262_145],
      [
        "(select jsonb_agg(n::numeric) from generate_series(1, 50) m, unnest('{1e-16000,7}'::text[]) n)",
        800_350,
      ],
    ] as const) {
      const refused = mill.rows(`select millrace.enqueue('any', ${input})`);
      await expect(refused, input).rejects.toMatchObject({
        code: "ML022",
        message: `the input of a run of any has ${bytes} bytes of JSON, its numbers written out, and 262144 are allowed`,
      });
    }
    for (const input of [
      "(select jsonb_agg(1) from generate_series(1, 131071))",
      "to_jsonb(repeat('x', 262142))",
      `jsonb_build_object('a\\", b', repeat('": , ', 1000), 'c', repeat(', ', 128052), 'd', '[1, 2, 33, true]'::jsonb)`,
    ]) {
      await mill.rows(`select millrace.enqueue('any', ${input})`);
    }
    const ask = (input: unknown) => mill.intake.accept({ job: "open", trigger: "api", input });
    await mill.rows(
      "insert into millrace.job select 'open', '', queue, 0, 1, retry, null from millrace.job",
    );
    await expect(ask(Array(1000).fill(1e308))).rejects.toMatchObject({ code: "payload_too_large" });
    await expect(ask(Array(1000).fill(5e-324))).rejects.toMatchObject({
      code: "payload_too_large",
    });
    await ask(Array(500).fill(1e308));
    await ask(Array(5000).fill("9e-3057-4e-999"));
    await ask(Array(120_000).fill(1));
  });

  test("a time that no reader could hold is refused", async () => {
    const mill = await Mill.create(job);
    for (const at of ["infinity", "10000-01-01"]) {
      const refused = mill.rows("select millrace.enqueue('any', run_at => $1)", [at]);
      await expect(refused).rejects.toThrow("timer_due_before_year_10000");
    }
    await mill.rows("select millrace.enqueue('any', run_at => '9999-12-31')");
    expect((await dispatch(mill.db)).nextInMs).toBeGreaterThan(0);
  });
});
