import { defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { takeSample } from "../../packages/server/src/store/queue-samples.ts";
import { finishUnwinding } from "../../packages/server/src/store/unwinding.ts";
import { tellCounts } from "../../packages/server/src/store/worker-counts.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";

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
