import { defineJob } from "@millrace/sdk";
import { explain } from "millrace";
import { expect, test } from "vitest";
import { readQueueSamples, takeSample } from "../../packages/server/src/store/queue-samples.ts";
import { queueTicks } from "../../packages/server/src/api/live/queue-ticks.ts";
import { readStandingOfQueues } from "../../packages/server/src/store/live.ts";
import { startApi } from "../support/api.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

const plain = defineJob({ name: "plain", run: () => null });

/** Samples of each of the last minutes, the last of which is now, in place of others. */
const samples = (depths: number[], starts: number) =>
  `delete from millrace.queue_sample;
   delete from millrace.standing_minute;
   with look as (
     select date_trunc('minute', at) as minute, at, depth from unnest(array[${depths.join(",")}]) with ordinality d(depth, n)
     cross join lateral (select clock_timestamp() - (${depths.length} - n) * interval '1 minute' as at) t
   ),
   sample as (
     insert into millrace.queue_sample (minute, at, starts) select minute, at, jsonb_build_object('default', ${starts}) from look
   )
   insert into millrace.standing_minute (at, job, queue, waiting, running, oldest_seconds) select minute, 'plain', 'default', depth, 0, 0 from look`;

test("a sample is taken once in a minute, however many ask, and no start is counted twice", async () => {
  const mill = await Mill.create(plain);
  const worker = await mill.workerRow();
  for (let n = 0; n < 3; n++) await mill.enqueue("plain");
  await mill.rows(
    "insert into millrace.pace (worker_id, queue, per_second, started) values ($1, 'default', 1, 40)",
    [worker],
  );
  const anew = async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => takeSample(mill.db, null)));
    return answers.flat().filter(({ taken }) => taken).length;
  };
  // Between two of them the minute may turn.
  await until("all four ask within a minute", async () => {
    await mill.rows("delete from millrace.queue_sample");
    await mill.rows("delete from millrace.standing_minute");
    await mill.rows("update millrace.pace set sampled = 0");
    return (await anew()) === 1;
  });
  const told = async () =>
    (await readQueueSamples(mill.db)).map(({ depths, starts }) => ({ depths, starts }));
  expect(await told()).toEqual([{ depths: { default: 3 }, starts: { default: 40 } }]);
  await mill.rows("update millrace.queue_sample set minute = minute - interval '1 minute'");
  await mill.rows("update millrace.standing_minute set at = at - interval '1 minute'");
  await mill.rows("update millrace.pace set started = started + 2");
  await mill.rows(
    "insert into millrace.queue_sample (minute, starts) values (now() - interval '1 hour', '{}')",
  );
  expect(await anew()).toBe(1);
  expect(await told()).toEqual([
    { depths: { default: 3 }, starts: { default: 40 } },
    { depths: { default: 3 }, starts: { default: 2 } },
  ]);
});

test("a worker tells how many runs it has started, also while all its slots are taken", async () => {
  const { promise, fire } = signal();
  const long = defineJob({ name: "long", run: () => promise });
  const mill = await Mill.create(plain, long);
  await mill.startWorker({ concurrency: 2 });
  for (let n = 0; n < 30; n++) await mill.enqueue("plain");
  const held = [await mill.enqueue("long"), await mill.enqueue("long")];
  for (const id of held) await mill.untilState(id, "running");
  await until(
    "all are told",
    async () => {
      const [row] = await mill.rows<{ started: number }>("select started from millrace.pace");
      return row?.started === 32;
    },
    { deadlineMs: 15_000 },
  );
  fire();
  for (const id of held) await mill.untilState(id, "completed");
});

test("a queue tells by API when what waits will have started, or that it will not drain", async () => {
  const api = await startApi();
  for (let n = 0; n < 30; n++) await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const outlook = async () => (await api.call("/api/v1/queues/default")).body.outlook;
  expect(await outlook()).toMatchObject({ verdict: "no_worker", inPerMinute: null });
  await api.db.query(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('w', 1, '{default}', '{nothing}', 'test', 12000)`,
  );
  expect(await outlook()).toMatchObject({ verdict: "unknown" });
  await api.db.query(samples([70, 60, 50, 40, 30], 25));
  const { body } = await api.call("/api/v1/queues");
  expect(body.queues.find(({ name }: { name: string }) => name === "default")).toMatchObject({
    ready: 30,
    slots: 1,
    outlook: { verdict: "drains", words: "~3 m", inPerMinute: expect.closeTo(15, 0) },
  });
  expect((await api.call("/metrics")).body).toMatch(
    /^millrace_queue_drain_seconds\{queue="default"\} 1[78]\d/m,
  );
  await api.db.query(samples([0, 10, 20, 25, 30], 5));
  expect(await outlook()).toMatchObject({
    verdict: "grows",
    words: expect.stringMatching(/^growing \d\/min, will not drain$/),
  });
  await api.db.query("update millrace.queue set paused_at = now(), paused_by = 'x'");
  expect(await outlook()).toMatchObject({
    verdict: "paused",
    words: "paused, will not drain until it is resumed",
  });
  const until = new Date(Date.now() + 3_600_000);
  await api.db.query("update millrace.queue set paused_until = $1", [until]);
  const paused = { verdict: "paused", words: `paused until ${until.toISOString()}` };
  expect(await outlook()).toMatchObject(paused);
  const ticks = queueTicks(await readStandingOfQueues(api.db), [], null);
  expect(ticks.find(({ name }) => name === "default")?.outlook).toMatchObject(paused);
});

test("who sees but a part of a shared queue is told no outlook of it: it would tell of the others' runs", async () => {
  const api = await startApi();
  const made = await api.call("/api/v1/projects", { json: { name: "crm" } });
  expect(made.status).toBe(201);
  const { body } = await api.call("/api/v1/keys", {
    json: { name: "confined", role: "viewer", projects: ["crm"] },
  });
  const listed = await api.call("/api/v1/queues", { key: body.key });
  const shared = listed.body.queues.find(({ name }: { name: string }) => name === "default");
  expect(shared).toMatchObject({ project: null, outlook: null });
});

test("an explanation names the runs in all slots, and when its queue drains", async () => {
  const { promise, fire } = signal();
  const long = defineJob({ name: "long", run: () => promise });
  const mill = await Mill.create(plain, long);
  await mill.startWorker({ concurrency: 2, drainMs: 5000 });
  const busy = [await mill.enqueue("long"), await mill.enqueue("long")];
  for (const id of busy) await mill.untilState(id, "running");
  const waits = await mill.enqueue("plain");
  await mill.rows(samples([130, 120, 110, 100], 40));
  const told = await explain(mill.db, waits);
  expect(told).toMatchObject({
    state: "queued",
    summary: "It is queued: all 2 slots of the worker that takes it are taken.",
    blockers: [{ code: "slots_full", holders: busy.map((run) => ({ run })) }],
    outlook: { verdict: "drains", words: "~10 m" },
  });
  fire();
  await mill.untilState(waits, "completed");
  expect(await explain(mill.db, waits)).toMatchObject({ blockers: [], outlook: null });
});

test("an explanation tells a retry that the job's budget has put off from one that is due when it was to be", async () => {
  const mill = await Mill.create(plain);
  const id = await mill.enqueue("plain");
  await mill.rows("delete from millrace.ready");
  await mill.rows(
    "insert into millrace.timer (run_id, due_at, reason) values ($1, now() + interval '1 hour', 'retry budget')",
    [id],
  );
  await mill.rows("update millrace.run set attempts = 1, failures = 1 where id = $1", [id]);
  const { blockers } = await explain(mill.db, id);
  expect(blockers[0]).toMatchObject({
    code: "retry_budget",
    message: expect.stringMatching(/^attempt 2 is put off by the job's retry budget until 20/),
  });
});
