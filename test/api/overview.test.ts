import { defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { takeSample } from "../../packages/server/src/store/queue-samples.ts";
import { finishUnwinding } from "../../packages/server/src/store/unwinding.ts";
import { tellCounts } from "../../packages/server/src/store/worker-counts.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { minuteAgo, seedMinute } from "../support/minute.ts";

const FAILURE = { class: "HttpError", message: "503 for order 17", stack: null };

async function enqueue(api: ApiUnderTest, json: object): Promise<string> {
  const { body, status } = await api.call("/api/v1/runs", { json });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id;
}

const fail = async (api: ApiUnderTest, json: object = { job: "nothing" }) => {
  const id = await enqueue(api, json);
  const claimed = await api.claimAs(["default", "slow"], [(json as { job: string }).job]);
  const place = claimed.runs.findIndex(({ runId }) => runId === id);
  await claimed.settle({ verdict: "fail", failure: FAILURE }, place);
  return id;
};

/** What a worker tells that has completed so many runs of each job. */
const complete = async (api: ApiUnderTest, runs: Record<string, number>) => {
  await tellCounts(api.db, 1, Object.keys(runs), Object.values(runs), [], [], [], [], 0, 0);
  await countEnds(api.db, 100);
};

const overview = async (api: ApiUnderTest, range = "1h", key?: string) =>
  (await api.call(`/api/v1/overview?range=${range}`, key ? { key } : {})).body;

const total = (numbers: number[]) => numbers.reduce((sum, each) => sum + each, 0);

test("an overview tells what needs somebody, what stands, and how runs have ended", async () => {
  const api = await startApi();
  await fail(api);
  const gone = await enqueue(api, { job: "nothing" });
  await api.call(`/api/v1/runs/${gone}/cancel`, { method: "POST" });
  expect((await countEnds(api.db, 100))[0]).toEqual({ taken: 2 });
  expect((await countEnds(api.db, 100))[0]).toEqual({ taken: 0 });
  await complete(api, { nothing: 3, greet: 4 });
  await api.db.query("update millrace.worker set state = 'gone'");
  await enqueue(api, { job: "greet", input: { name: "Ada" }, queue: "slow" });
  await api.call("/api/v1/queues/slow/pause", { json: { reason: "moving" } });
  await takeSample(api.db, null);
  await api.db.query(
    "insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms, state, ended_at) values ('box', 1, '{}', '{}', '1', 1, 'lost', now())",
  );
  const told = await overview(api);
  expect(told.numbers).toEqual({
    ...{ running: 0, waiting: 1, failedPerMinute: 0.2 },
    oldestWaitSeconds: expect.any(Number),
  });
  expect(told.attention.map(({ kind }: { kind: string }) => kind)).toEqual([
    "errors",
    "queue",
    "worker",
  ]);
  expect(told.attention[0]).toMatchObject({
    ...{ errorClass: "HttpError", message: "503 for order 17", jobs: ["nothing"], inRange: 1 },
    ...{ before: 0, spark: expect.any(Array) },
  });
  expect(total(told.attention[0].spark)).toBe(1);
  expect(told.attention[1]).toMatchObject({
    ...{ queue: "slow", waiting: 1, workers: 0, growingPerMinute: null },
    paused: { by: "api", reason: "moving", until: null },
  });
  expect(told.attention[2]).toMatchObject({ name: "box" });
  expect(told.bars.at).toHaveLength(60);
  expect([total(told.bars.completed), total(told.bars.failed), total(told.bars.cancelled)]).toEqual(
    [7, 1, 1],
  );
  expect(told.sparks.at).toHaveLength(60);
  expect([total(told.sparks.waiting), total(told.sparks.failed)]).toEqual([1, 1]);
  for (const [range, bars] of Object.entries({ "6h": 72, "24h": 96, "7d": 84 })) {
    const longer = await overview(api, range);
    expect(longer.bars.at, range).toHaveLength(bars);
    expect(total(longer.bars.completed), range).toBe(7);
    expect(longer.numbers.waiting).toBe(1);
  }
});

test("a version of a job is told from when it was first seen", async () => {
  const api = await startApi();
  const at = (version: string) => defineJob({ name: "paid", version, run: () => null });
  for (const version of ["1", "2", "1"]) await new JobRegistry([at(version)]).register(api.db);
  const { deploys } = await overview(api);
  const paid = deploys.filter(({ job }: { job: string }) => job === "paid");
  expect(paid.map(({ version }: { version: string }) => version)).toEqual(["1", "2"]);
});

test("a run that is to make good first what it did is on the chart when it has ended, and not before", async () => {
  const api = await startApi();
  const id = await enqueue(api, { job: "nothing" });
  await api.db.query("update millrace.run set compensates = true where id = $1", [id]);
  await api.call(`/api/v1/runs/${id}/cancel`, { method: "POST" });
  expect((await api.call(`/api/v1/runs/${id}`)).body.state).toBe("queued");
  expect((await countEnds(api.db, 100))[0]).toEqual({ taken: 0 });
  const { worker, runs, settle } = await api.claimAs(["default"], ["nothing"]);
  expect(runs.map(({ runId }) => runId)).toEqual([id]);
  await finishUnwinding(api.db, worker, [runs[0]!.leaseId], [id]);
  await settle({ verdict: "stop", failure: null });
  expect((await api.call(`/api/v1/runs/${id}`)).body.state).toBe("cancelled");
  await countEnds(api.db, 100);
  expect(total((await overview(api)).bars.cancelled)).toBe(1);
});

test("who is confined to a project is told of its own alone", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  await fail(api);
  await countEnds(api.db, 100);
  await complete(api, { "crm/sync": 2, nothing: 5 });
  await enqueue(api, { job: "nothing" });
  await takeSample(api.db, null);
  const told = await overview(api, "1h", made.body.key);
  expect(told).toMatchObject({
    attention: [],
    numbers: { running: 0, waiting: 0, failedPerMinute: 0 },
  });
  expect([total(told.bars.completed), total(told.bars.failed), total(told.sparks.waiting)]).toEqual(
    [2, 0, 0],
  );
  expect(JSON.stringify(told)).not.toContain("nothing");
  await enqueue(api, { job: "crm/sync" });
  const whole = await overview(api);
  expect(whole.numbers.waiting).toBe(2);
});

const minute = async (api: ApiUnderTest, at: Date, key?: string) =>
  api.call(`/api/v1/overview/minute?at=${at.toISOString()}`, key ? { key } : {});

test("of a minute that is over it is told how runs ended, what stood, and what was wrong then", async () => {
  const api = await startApi();
  const at = minuteAgo(30 * 60_000);
  await seedMinute(api, at);
  const { body, status } = await minute(api, new Date(at.getTime() + 42_000));
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body).toEqual({
    at: at.toISOString(),
    ends: {
      ...{ seconds: 60, at: at.toISOString() },
      ...{ completed: 7, failed: 2, cancelled: 1, retried: 0, lost: 3 },
    },
    standing: {
      ...{ running: 1, waiting: 4, oldestWaitSeconds: 61.5 },
      queues: [{ queue: "slow", waiting: 4, running: 1, oldestSeconds: 61.5 }],
    },
    errors: {
      seconds: 300,
      at: new Date(Math.floor(at.getTime() / 300_000) * 300_000).toISOString(),
      groups: [
        {
          ...{ fingerprint: "00000000000000dd", errorClass: "HttpError", message: "" },
          ...{ jobs: ["nothing"], count: 2, firstSeen: at.toISOString() },
        },
      ],
    },
    calls: [{ host: "crm.example", calls: 9, failed: 2 }],
    alerts: [
      expect.objectContaining({ rule: "still", severity: "warning", resolvedAt: null }),
      expect.objectContaining({ rule: "then", resolvedAt: expect.any(String) }),
    ],
    workersLost: [expect.objectContaining({ name: "box" })],
    deploys: [expect.objectContaining({ job: "nothing", version: "7" })],
  });
});

test("what is kept of a minute no more, or what nobody looked at, is said to be not known", async () => {
  const api = await startApi();
  const HOUR = 3_600_000;
  const recent = (await minute(api, minuteAgo(10 * 60_000))).body;
  // Nothing ended, and nobody looked what stood.
  expect(recent).toMatchObject({ ends: { seconds: 60, completed: 0 }, standing: null, calls: [] });
  const before = minuteAgo(7 * 60_000);
  await api.db.query(
    "insert into millrace.queue_sample (minute, at, starts) values ($1, now(), '{}')",
    [before],
  );
  expect((await minute(api, before)).body.standing).toEqual({
    ...{ running: 0, waiting: 0, oldestWaitSeconds: null, queues: [] },
  });
  const yesterday = minuteAgo(30 * HOUR);
  await seedMinute(api, yesterday);
  expect((await minute(api, yesterday)).body).toMatchObject({
    ends: { seconds: 3600, failed: 2 },
    ...{ standing: null, calls: null },
    errors: { groups: [{ count: 2 }] },
    workersLost: [{ name: "box" }],
  });
  expect((await minute(api, minuteAgo(40 * 24 * HOUR))).body).toMatchObject({
    ...{ ends: null, standing: null, errors: null, calls: null, workersLost: null, deploys: [] },
  });
  const ahead = await minute(api, new Date(Date.now() + HOUR));
  expect(ahead).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining("to come") },
  });
});

test("of a minute that is over, who is confined to a project is told of its own alone", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  const at = minuteAgo(20 * 60_000);
  await seedMinute(api, at);
  const { body, text } = await minute(api, at, made.body.key);
  expect(body).toMatchObject({
    ends: { completed: 0, failed: 0, lost: 0 },
    standing: { running: 0, waiting: 0, queues: [] },
    ...{ errors: { groups: [] }, calls: [], alerts: [], workersLost: [], deploys: [] },
  });
  expect(text).not.toContain("nothing");
  expect(text).not.toContain("slow");
});
