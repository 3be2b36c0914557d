import { defineJob, defineQueue } from "@millrace/sdk";
import { JobRegistry, keepGate } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type ApiUnderTest, type Call, startApi } from "../support/api.ts";

const Tenant = z.object({ tenant: z.string().optional() });

const run = () => null;

const perTenant = defineJob({
  name: "tenants",
  input: Tenant,
  concurrency: [{ key: "tenant", limit: 1 }, { limit: 3 }],
  rateLimit: { limit: 1000, per: "1s", cost: 2 },
  startWithin: "5s",
  ttl: "1d",
  run,
});

const debounced = defineJob({
  name: "debounced",
  debounce: { wait: "10s", maxWait: "1m" },
  run,
});

const throttled = defineJob({ name: "throttled", throttle: { per: "1h" }, run });

const batched = defineJob({
  name: "batched",
  batch: { size: 10, wait: "1h" },
  run: (inputs) => inputs.map(() => null),
});

const start = (queues = [] as ReturnType<typeof defineQueue>[]) =>
  startApi({ jobs: [perTenant, debounced, throttled, batched], queues });

const post = (api: ApiUnderTest, path: string, json?: unknown) =>
  api.call(`/api/v1/${path}`, { method: "POST", json });

const limit = (api: ApiUnderTest, queue: string, call: Call) =>
  api.call(`/api/v1/queues/${queue}/limits`, { method: "PUT", ...call });

async function ask(api: ApiUnderTest, job: string, more: object = {}): Promise<string> {
  const { body } = await post(api, "runs", { job, ...more });
  return body.id as string;
}

const reason = async (api: ApiUnderTest, id: string) =>
  (await api.call(`/api/v1/runs/${id}`)).body.reason as string;

const WRONG_PAUSES: [path: string, json: object, status: number, code: string, detail: string][] = [
  [
    "nothing/pause",
    { key: "a" },
    400,
    "invalid_request",
    "job nothing has no key; leave the key out",
  ],
  ["nothing/resume", { key: "a" }, 400, "invalid_request", "job nothing has no key"],
  ["unheard-of/pause", {}, 404, "not_found", "GET /api/v1/jobs lists"],
  ["unheard-of/resume", {}, 404, "not_found", "GET /api/v1/jobs lists"],
  [
    "tenants/pause",
    { for: "1h", until: "2099-01-01T00:00:00Z" },
    400,
    "invalid_request",
    "until or for",
  ],
  ["tenants/pause", { for: "0ms" }, 400, "invalid_request", "/for: not a length of time"],
  ["tenants/pause", { for: "soon" }, 400, "invalid_request", "/for: not a length of time"],
  ["tenants/pause", { for: "40000d" }, 400, "invalid_request", "/for: longer than 36525d"],
  [
    "tenants/pause",
    { until: "2020-01-01T00:00:00Z" },
    400,
    "invalid_request",
    "it is over already",
  ],
  ["tenants/pause", { until: "soon" }, 400, "invalid_request", "/until"],
  ["tenants/pause", { key: 7 }, 400, "invalid_request", "/key"],
  ["tenants/pause", { untl: "x" }, 400, "invalid_request", "/untl: there is no such field"],
  ["tenants/resume", { reason: "x" }, 400, "invalid_request", "/reason: there is no such field"],
];

const WRONG_LIMITS: [json: object, detail: string][] = [
  [{}, "give concurrency, rate or maxDepth"],
  [{ maxDepth: 0 }, "/maxDepth"],
  [{ maxDepth: 1e9 }, "/maxDepth"],
  [{ concurrency: 0 }, "/concurrency"],
  [{ concurrency: 1.5 }, "/concurrency"],
  [{ concurrency: "4" }, "/concurrency"],
  [{ rate: 100 }, "/rate"],
  [{ rate: { limit: 100 } }, "/rate/per"],
  [{ rate: { limit: 0, per: "1s" } }, "/rate/limit"],
  [{ rate: { limit: 5, per: "31d" } }, "/rate/per: it must be from 1ms to 30d"],
  [{ rate: { limit: 5, per: "1s", burst: 0 } }, "/rate/burst"],
  [{ rate: { limit: 5, per: "1s", cost: 2 } }, "/rate/cost: there is no such field"],
  [{ limit: 5 }, "/limit: there is no such field"],
];

describe("a time to live", () => {
  test("is counted from the asking, or from when the run is due, alone and in bulk", async () => {
    const api = await start();
    const ids = [await ask(api, "nothing", { ttl: "10m" })];
    const { body } = await post(api, "runs/bulk", {
      runs: [{ job: "nothing", ttl: "10m", delay: "1h" }, { job: "nothing" }],
    });
    ids.push(...body.results.map((result: { id: string }) => result.id));
    const lives = await Promise.all(
      ids.map(async (id) => {
        const { createdAt, expiresAt } = (await api.call(`/api/v1/runs/${id}`)).body;
        return expiresAt && Math.round((Date.parse(expiresAt) - Date.parse(createdAt)) / 60_000);
      }),
    );
    expect(lives).toEqual([10, 70, null]);
  });

  test("that is none is refused, with its place", async () => {
    const api = await start();
    for (const ttl of ["0s", "soon", "", 10, null]) {
      expect((await post(api, "runs", { job: "nothing", ttl })).body).toMatchObject({
        code: "invalid_request",
        pointer: "/ttl",
      });
      const { body } = await post(api, "runs/bulk", { runs: [{ job: "nothing", ttl }] });
      expect(body).toMatchObject({ accepted: 0, results: [{ error: { pointer: "/runs/0/ttl" } }] });
    }
  });
});

test("calls that become one run are answered 200 with its id; a time for them is refused", async () => {
  const api = await start();
  for (const job of ["debounced", "throttled"]) {
    const first = await post(api, "runs", { job });
    const second = await post(api, "runs", { job });
    expect([first.status, first.body.created]).toEqual([201, true]);
    expect([second.status, second.body.created]).toEqual([200, false]);
    expect(second.body.id).toBe(first.body.id);
  }
  expect(await reason(api, (await post(api, "runs", { job: "debounced" })).body.id)).toMatch(
    /^debounced: starts at \S+ if no call comes$/,
  );
  const refused = await post(api, "runs/bulk", {
    runs: [{ job: "debounced", delay: "1s" }, { job: "nothing" }],
  });
  expect(refused.body).toMatchObject({
    accepted: 1,
    results: [
      {
        error: {
          code: "invalid_request",
          detail:
            "job debounced is debounced, so it decides itself when its runs start. Leave out delay and runAt.",
        },
      },
      { created: true },
    ],
  });
});

describe("a job", () => {
  test("shows what limits it", async () => {
    const api = await start();
    const flow = async (name: string) => (await api.call(`/api/v1/jobs/${name}`)).body.flow;
    expect(await flow("tenants")).toEqual({
      key: "tenant",
      keyLimit: 1,
      jobLimit: 3,
      whenFull: "wait",
      keyRate: null,
      jobRate: { limit: 1000, perMs: 1000, burst: 100 },
      cost: 2,
      startWithinMs: 5000,
      ttlMs: 86_400_000,
      debounce: null,
      throttle: null,
      batch: null,
    });
    expect(await flow("debounced")).toMatchObject({
      key: null,
      cost: 1,
      startWithinMs: 600_000,
      ttlMs: null,
      debounce: { key: null, waitMs: 10_000, maxWaitMs: 60_000 },
    });
    expect(await flow("batched")).toMatchObject({ batch: { size: 10, waitMs: 3_600_000 } });
  });

  test("is paused and resumed, and so is a key of it; both are listed with who, why and until when", async () => {
    const api = await start();
    const paused = await post(api, "jobs/tenants/pause", { reason: "moving", for: "1h" });
    expect(paused.body.paused).toMatchObject({ by: "api", reason: "moving" });
    const { at, until } = paused.body.paused;
    expect(Math.round((Date.parse(until) - Date.parse(at)) / 1000)).toBe(3600);
    const key = await post(api, "jobs/tenants/pause", { key: "acme" });
    expect(key.body).toMatchObject({ pausedKeys: 1, paused: { reason: "moving" } });
    await post(api, "queues/slow/pause", { until: "2099-01-01T00:00:00+01:00" });
    const { body } = await api.call("/api/v1/pauses");
    expect(body.pauses).toEqual([
      {
        queue: "slow",
        job: null,
        key: null,
        at: expect.any(String),
        by: "api",
        reason: null,
        until: "2098-12-31T23:00:00.000Z",
        disabled: false,
      },
      {
        ...{ queue: null, job: "tenants", key: null, at, by: "api", reason: "moving", until },
        disabled: false,
      },
      expect.objectContaining({ job: "tenants", key: "acme", reason: null, until: null }),
    ]);

    const id = await ask(api, "tenants", { input: { tenant: "acme" } });
    expect(await reason(api, id)).toBe(
      `held back: job tenants is paused by api, until ${until}: moving`,
    );
    api.rung.length = 0;
    expect((await post(api, "jobs/tenants/resume")).body).toMatchObject({
      paused: null,
      pausedKeys: 1,
    });
    expect(api.rung).toEqual(["default"]);
    expect(await reason(api, id)).toBe('held back: key "acme" of job tenants is paused by api');
    expect((await api.claim()).runs).toEqual([]);
    await post(api, "jobs/tenants/resume", { key: "acme" });
    expect((await api.call("/api/v1/pauses")).body.pauses).toHaveLength(1);
    expect(await reason(api, id)).toBe("waiting in queue default");
    expect((await api.claim()).runs).toMatchObject([{ runId: id }]);
  });

  test("is resumed where its runs wait, whatever their queue", async () => {
    const api = await start();
    await post(api, "jobs/nothing/pause");
    await ask(api, "nothing", { queue: "slow" });
    api.rung.length = 0;
    await post(api, "jobs/nothing/resume");
    expect(api.rung).toEqual(["slow"]);
  });

  test("has a long key paused as runs have it, by its hash", async () => {
    const api = await start();
    const [one, two] = ["x".repeat(300), `${"x".repeat(299)}y`];
    await post(api, "jobs/tenants/pause", { key: one });
    const held = await ask(api, "tenants", { input: { tenant: one } });
    const free = await ask(api, "tenants", { input: { tenant: two } });
    expect((await api.claim()).runs.map((claimed) => claimed.runId)).toEqual([free]);
    await post(api, "jobs/tenants/resume", { key: one });
    expect((await api.claim()).runs.map((claimed) => claimed.runId)).toEqual([held]);
  });

  test("is neither paused nor resumed by a request that is wrong", async () => {
    const api = await start();
    for (const [path, json, status, code, detail] of WRONG_PAUSES) {
      const { body } = await post(api, `jobs/${path}`, json);
      expect(body, path).toMatchObject({ status, code, detail: expect.stringContaining(detail) });
    }
    expect((await api.call("/api/v1/pauses")).body.pauses).toEqual([]);
  });
});

describe("the limits of a queue", () => {
  test("are set one by one, hold at once for what waits, ring, and are taken away by null", async () => {
    const api = await start();
    const ids = [await ask(api, "nothing"), await ask(api, "nothing"), await ask(api, "nothing")];
    api.rung.length = 0;
    const set = await limit(api, "default", { json: { concurrency: 1 } });
    expect(set.body).toMatchObject({
      concurrency: 1,
      rate: null,
      limitedBy: "api",
      defined: null,
    });
    await limit(api, "default", { json: { rate: { limit: 1, per: "1h" } } });
    expect(api.rung).toEqual(["default", "default"]);
    const claimed = await api.claim();
    expect(claimed.runs).toMatchObject([{ runId: ids[0] }]);
    expect((await api.call("/api/v1/queues/default")).body).toMatchObject({
      ready: 0,
      held: 2,
      running: 1,
      concurrency: 1,
      rate: { limit: 1, perMs: 3_600_000, burst: 1 },
    });
    expect(await reason(api, ids[1]!)).toBe("held back: queue default is full, 1 of 1 running");
    await claimed.settle({ verdict: "complete", output: null });
    expect(await reason(api, ids[1]!)).toMatch(
      /^held back: the rate of queue default lets no run start until \d{4}-/,
    );
    expect((await api.claim()).runs).toEqual([]);
    const open = await limit(api, "default", { json: { rate: null } });
    expect(open.body).toMatchObject({ concurrency: 1, rate: null });
    expect((await api.claim()).runs).toMatchObject([{ runId: ids[1] }]);
    await limit(api, "default", { json: { concurrency: null } });
    expect((await api.claim()).runs).toMatchObject([{ runId: ids[2] }]);
  });

  test("that a rate has held back for an hour start at once when the rate is raised", async () => {
    const api = await start();
    await limit(api, "default", { json: { rate: { limit: 1, per: "1h" } } });
    for (let n = 0; n < 3; n++) await ask(api, "nothing");
    expect((await api.claim()).runs).toHaveLength(1);
    await limit(api, "default", { json: { rate: { limit: 1000, per: "1s", burst: 10 } } });
    expect((await api.claim()).runs).not.toEqual([]);
  });

  test("that code defines hold until an operator sets others, and again when these are taken back", async () => {
    const slow = defineQueue({ name: "slow", concurrency: 2 });
    const api = await start([slow]);
    const shown = async () => {
      const { concurrency, rate, maxDepth, limitedBy, defined } = (
        await api.call("/api/v1/queues/slow")
      ).body;
      return { concurrency, rate, maxDepth, limitedBy, defined };
    };
    const defined = { concurrency: 2, rate: null, maxDepth: null };
    expect(await shown()).toEqual({ ...defined, limitedBy: null, defined });
    await limit(api, "slow", { json: { concurrency: 7 } });
    const later = defineQueue({
      name: "slow",
      concurrency: 3,
      rateLimit: { limit: 5, per: "1s" },
      maxDepth: 9,
    });
    await new JobRegistry([], [later]).register(api.db);
    const now = { concurrency: 3, rate: { limit: 5, perMs: 1000, burst: 1 }, maxDepth: 9 };
    expect(await shown()).toEqual({
      ...{ concurrency: 7, rate: null, maxDepth: null },
      ...{ limitedBy: "api", defined: now },
    });
    const reset = await api.call("/api/v1/queues/slow/limits", { method: "DELETE" });
    expect(reset.status).toBe(200);
    expect(await shown()).toEqual({ ...now, limitedBy: null, defined: now });
    await new JobRegistry([], [defineQueue({ name: "slow" })]).register(api.db);
    const none = { concurrency: null, rate: null, maxDepth: null };
    expect(await shown()).toEqual({ ...none, limitedBy: null, defined: none });
  });

  test("that code defines hold for runs that waited before it did", async () => {
    const api = await start();
    for (let n = 0; n < 3; n++) await ask(api, "nothing");
    const queue = defineQueue({ name: "default", concurrency: 1 });
    await new JobRegistry([], [queue]).register(api.db);
    expect((await api.claim()).runs).toHaveLength(1);
  });

  test("that are wrong are refused", async () => {
    const api = await start();
    for (const [json, detail] of WRONG_LIMITS) {
      const { body } = await limit(api, "default", { json });
      const says = {
        status: 400,
        code: "invalid_request",
        detail: expect.stringContaining(detail),
      };
      expect(body, detail).toMatchObject(says);
    }
    const { body: unknown } = await limit(api, "unheard-of", { json: { concurrency: 1 } });
    expect(unknown.code).toBe("queue_not_found");
    const { body } = await api.call("/api/v1/queues/default");
    expect(body).toMatchObject({ concurrency: null, rate: null, limitedBy: null });
  });
});

test("a run that is held back says by what, in lists and alone", async () => {
  const api = await start();
  const input = (tenant: string) => ({ input: { tenant } });
  for (const tenant of ["a", "b", "c"]) await ask(api, "tenants", input(tenant));
  await api.claim();
  const full = await ask(api, "tenants", input("a"));
  const other = await ask(api, "tenants", input("d"));
  const batch = await ask(api, "batched");
  await keepGate(api.db);
  const said = {
    [full]: 'held back: key "a" is full, 1 of 1 running',
    [other]: "held back: job tenants is full, 3 of 3 running",
    [batch]: expect.stringMatching(
      /^held back: its batch has 1 of 10, and starts at \S+ at the latest$/,
    ),
  };
  const { body } = await api.call("/api/v1/runs?state=queued");
  const listed = body.runs.map((one: { id: string; reason: string }) => [one.id, one.reason]);
  expect(Object.fromEntries(listed)).toEqual(said);
  for (const id of Object.keys(said)) expect(await reason(api, id)).toEqual(said[id]);
});

test("metrics count what is held back, by what holds it", async () => {
  const api = await start();
  await ask(api, "tenants", { input: { tenant: "a" } });
  await api.claim();
  for (const tenant of ["a", "b"]) await ask(api, "tenants", { input: { tenant } });
  await ask(api, "batched");
  await post(api, "jobs/tenants/pause", { key: "b" });
  await keepGate(api.db);
  await api.claim();
  const { body } = await api.call("/metrics");
  const held = body.split("\n").filter((line: string) => line.startsWith("millrace_runs_held{"));
  expect(held).toEqual([
    'millrace_runs_held{reason="paused"} 1',
    'millrace_runs_held{reason="key_full"} 1',
    'millrace_runs_held{reason="time"} 1',
    'millrace_runs_held{reason="turn"} 0',
  ]);
});

test("a queue tells how many its rate lets start now, and which keys are fullest, only those of who asks", async () => {
  const queue = defineQueue({ name: "narrow", rateLimit: { limit: 5, per: "1h", burst: 5 } });
  const keyed = defineJob({
    ...{ name: "keyed", queue: "narrow", input: Tenant, run },
    concurrency: { key: "tenant", limit: 2 },
  });
  const api = await startApi({ jobs: [keyed], queues: [queue] });
  for (const tenant of ["acme", "acme", "acme", "umbrella"]) {
    await post(api, "runs", { job: "keyed", input: { tenant } });
  }
  expect((await api.call("/api/v1/queues/narrow/fill")).body).toEqual({ tokens: 5, keys: [] });
  await keepGate(api.db);
  await api.claimAs(["narrow"], ["keyed"]);
  const { body } = await api.call("/api/v1/queues/narrow/fill");
  expect(Math.floor(body.tokens)).toBe(2);
  expect(body.keys).toEqual([
    { job: "keyed", key: expect.stringContaining("acme"), running: 2, limit: 2, held: 1 },
    { job: "keyed", key: expect.stringContaining("umbrella"), running: 1, limit: 2, held: 0 },
  ]);

  await api.call("/api/v1/projects", { json: { name: "crm" } });
  await api.db.query("update millrace.queue set project = null where name = 'narrow'");
  const json = { name: "crm viewer", role: "viewer", projects: ["crm"] };
  const { key } = (await api.call("/api/v1/keys", { json })).body;
  expect((await api.call("/api/v1/queues/narrow/fill", { key })).body.keys).toEqual([]);
  expect((await api.call("/api/v1/queues/no-such/fill")).status).toBe(404);
});
