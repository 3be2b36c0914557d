import { type AnyJob, defineJob } from "@millrace/sdk";
import { enqueueIn } from "@millrace/sdk/sql";
import { fireDue, rerunDeadLetter } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";
import type { Span } from "./otlp.ts";
import { orphans, picture } from "./picture.ts";
import { record } from "./recorded.ts";

// What of a trace a run carries, whatever way it comes in, recorded by an SDK that the process has brought itself.

const plain = defineJob({ name: "plain", run: () => null });
const limited = defineJob({ name: "limited", concurrency: { limit: 1 }, run: () => null });
const batched = defineJob({
  name: "batched",
  batch: { size: 2, wait: "1ms" },
  run: (inputs) => inputs.map(() => null),
});

async function traced(...jobs: AnyJob[]) {
  const recorded = record();
  const mill = await Mill.create(...jobs);
  const attempts = (count: number) =>
    until(`${count} attempts have been traced`, () => {
      const { spans } = recorded;
      const ended = spans.filter(({ kind }) => kind === "consumer");
      return ended.length === count && ended;
    });
  return { recorded, mill, attempts, work: () => mill.startWorker({ traced: true }) };
}

const called = (spans: readonly Span[], name: string) => {
  const span = spans.find((one) => one.name === name);
  if (!span) throw new Error(`no span ${name} among ${spans.map((one) => one.name).join(", ")}`);
  return span;
};

test("the attempt of a run is below what asked for it: at once, by a key, later, within limits, in a batch", async () => {
  const { recorded, mill, attempts, work } = await traced(plain, limited, batched);
  const ask = { trigger: "api" as const };
  await recorded.within("caller", async () => {
    await mill.intake.accept({ ...ask, job: "plain" });
    await mill.intake.accept({ ...ask, job: "plain", idempotencyKey: "once" });
    await mill.intake.accept({ ...ask, job: "plain", delayMs: 1 });
    await mill.intake.accept({ ...ask, job: "limited" });
    await mill.intake.accept({ ...ask, job: "batched" });
  });
  await mill.startDispatcher();
  await work();
  const done = await attempts(5);
  const { spans } = recorded;
  expect(orphans(spans)).toEqual([]);
  const caller = called(spans, "caller");
  expect(new Set(done.map(({ traceId }) => traceId))).toEqual(new Set([caller.traceId]));
  for (const attempt of done) {
    const asked = spans.find(({ spanId }) => spanId === attempt.parentId)!;
    expect(asked).toMatchObject({ kind: "producer", parentId: caller.spanId });
    expect(attempt.attributes["millrace.run_id"]).toBe(asked.attributes["millrace.run_id"]);
  }
});

test("many runs that are asked for at once have one span that asks for them", async () => {
  const { recorded, mill, attempts, work } = await traced(plain);
  await recorded.within("caller", () =>
    mill.intake.acceptMany(Array.from({ length: 3 }, () => ({ job: "plain", trigger: "api" }))),
  );
  await work();
  await attempts(3);
  expect(picture(recorded.spans)).toBe(`\
caller (internal)
  enqueue (producer)
    process plain (consumer, attempt 1)
    process plain (consumer, attempt 1)
    process plain (consumer, attempt 1)`);
  expect(called(recorded.spans, "enqueue").attributes["messaging.batch.message_count"]).toBe(3);
});

test("what is asked for in no trace, or in one that is not recorded, carries none, and its attempts have no spans", async () => {
  const { recorded, mill, work } = await traced(plain);
  await mill.enqueue("plain");
  await recorded.unrecorded(() => mill.enqueue("plain"));
  await work();
  await until("both have ended", async () => {
    const rows = await mill.rows("select from millrace.run where state = 'completed'");
    return rows.length === 2;
  });
  expect(await mill.rows("select from millrace.run where trace_context is not null")).toEqual([]);
  expect(recorded.spans).toEqual([]);
});

test("a run that SQL asks for goes on with the trace that it is given, and begins one where that is none", async () => {
  const { recorded, mill, attempts, work } = await traced(plain);
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const given = [parent, `${parent} vendor=a`, "no trace", "x".repeat(100_000), undefined];
  const items = given.map((trace_context) => ({ job: "plain", trace_context }));
  await mill.rows("select from millrace.enqueue_many($1::jsonb)", [JSON.stringify(items)]);
  await work();
  const parents = (await attempts(5)).map(({ parentId }) => parentId);
  expect(parents.sort()).toEqual(["", "", "", "b7ad6b7169203331", "b7ad6b7169203331"]);
  const [longest] = await mill.rows("select max(length(trace_context)) as n from millrace.run");
  expect(longest).toEqual({ n: 600 });
  expect(recorded.spans).toHaveLength(5);
});

test("a run that is asked for in a transaction carries the trace of who asks", async () => {
  const { recorded, mill, attempts, work } = await traced(plain);
  await recorded.within("caller", async () => {
    const tx = await mill.connection();
    await tx.query("begin");
    await enqueueIn(tx, plain);
    await tx.query("commit");
  });
  await work();
  const [attempt] = await attempts(1);
  expect(attempt!.parentId).toBe(called(recorded.spans, "caller").spanId);
});

test("a retry begins a trace, which refers to what asked for its run", async () => {
  const failing = defineJob({
    name: "failing",
    retry: { maxAttempts: 2, firstDelay: "1ms" },
    run: () => {
      throw new TypeError("broken");
    },
  });
  const { recorded, mill, attempts, work } = await traced(failing);
  await recorded.within("caller", () => mill.enqueue("failing"));
  await mill.startDispatcher();
  await work();
  await attempts(2);
  expect(picture(recorded.spans)).toBe(`\
caller (internal)
  enqueue failing (producer)
    process failing (consumer, attempt 1, error TypeError)
~ linked to enqueue failing (producer)
process failing (consumer, attempt 2, error TypeError)`);
});

test("a rerun is linked to the old run's trace", async () => {
  const dying = defineJob({
    name: "dying",
    retry: { maxAttempts: 1 },
    run: () => {
      throw new RangeError("broken");
    },
  });
  const { recorded, mill, attempts, work } = await traced(dying);
  const id = await recorded.within("caller", () => mill.enqueue("dying"));
  await work();
  await attempts(1);
  await mill.untilState(id, "failed");
  await rerunDeadLetter(mill.db, by("ana"), { runId: id });
  await attempts(2);
  expect(picture(recorded.spans)).toBe(`\
caller (internal)
  enqueue dying (producer)
    process dying (consumer, attempt 1, error RangeError)
~ linked to enqueue dying (producer)
enqueue dying (producer)
  process dying (consumer, attempt 1, error RangeError)`);
});

test("each run of a chain begins a trace that refers to where the chain began", async () => {
  const chained = defineJob({
    name: "chained",
    input: z.object({ left: z.number() }),
    run: ({ left }, { continueAsNew }) => (left > 0 ? continueAsNew({ left: left - 1 }) : null),
  });
  const { recorded, mill, attempts, work } = await traced(chained);
  await recorded.within("caller", () => mill.enqueue("chained", { left: 2 }));
  await work();
  const done = await attempts(3);
  const asked = called(recorded.spans, "enqueue chained");
  const later = done.filter(({ parentId }) => parentId === "");
  expect(later).toHaveLength(2);
  for (const { links } of later) expect(links.map(({ spanId }) => spanId)).toEqual([asked.spanId]);
  expect(new Set(done.map(({ traceId }) => traceId)).size).toBe(3);
});

test("children are below the step that calls them", async () => {
  const fan = defineJob({
    name: "fan",
    run: (_input, { step }) => step.fanOut(plain, [{}, {}], { name: "all" }),
  });
  const { recorded, mill, work } = await traced(fan, plain);
  const id = await recorded.within("caller", () => mill.enqueue("fan"));
  await work();
  // A parent whose children take their time is left, and started once more.
  await mill.untilState(id, "completed");
  const step = called(recorded.spans, "fan-out all");
  const children = await until("both children have been traced", () => {
    const traced = recorded.spans.filter(({ name }) => name === "process plain");
    return traced.length === 2 && traced;
  });
  expect(children.map(({ parentId }) => parentId)).toEqual([step.spanId, step.spanId]);
});

test("an occurrence begins a trace", async () => {
  const nightly = defineJob({
    name: "nightly",
    schedules: [{ at: "2027-01-01T00:00:00Z" }],
    run: () => null,
  });
  const { recorded, mill, attempts, work } = await traced(nightly);
  const instant = new Date(Math.floor(Date.now() / 1000) * 1000 - 1000);
  await mill.rows(
    `update millrace.schedule set rule = jsonb_set(rule, '{at}', to_jsonb($1::text)), next_nominal = $2, next_at = $2`,
    [instant.toISOString(), instant],
  );
  await fireDue(mill.db);
  await work();
  await attempts(1);
  expect(picture(recorded.spans)).toBe(`\
fire nightly (producer)
  process nightly (consumer, attempt 1)`);
});
