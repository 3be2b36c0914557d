import pg from "pg";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

const FAILURE = { class: "TypeError", message: "no such thing", stack: null };

async function pages(api: ApiUnderTest, query: string, between?: () => Promise<unknown>) {
  const seen: string[] = [];
  let asked = 0;
  for (let cursor: string | null = ""; cursor !== null; asked++) {
    const { body, status } = await api.call(
      `/api/v1/runs?${query}${cursor && `&cursor=${cursor}`}`,
    );
    expect(status).toBe(200);
    seen.push(...body.runs.map((run: { id: string }) => run.id));
    cursor = body.nextCursor;
    await between?.();
  }
  return { seen, asked };
}

async function bulk(api: ApiUnderTest, runs: object[]): Promise<string[]> {
  const { body } = await api.call("/api/v1/runs/bulk", { json: { runs } });
  return body.results.map((result: { id: string }) => result.id);
}

test("however many list at once, runs are asked for meanwhile, and who had no time is told so", async () => {
  const api = await startApi();
  const keys = await Promise.all(
    ["a", "b", "c", "d"].map((name) =>
      api.call("/api/v1/keys", { json: { name, role: "viewer" } }).then(({ body }) => body.key),
    ),
  );
  const locking = await api.db.connect();
  await locking.query("begin; lock table millrace.schedule in access exclusive mode");
  // Beside the pool of the server, whose connections are what is scarce.
  const looking = new pg.Client({ connectionString: api.databaseUrl });
  await looking.connect();
  try {
    let ended = 0;
    const lists = Array.from({ length: 24 }, async (_, n) => {
      const answer = await api.call("/api/v1/schedules", { key: keys[n % 4] });
      ended++;
      return answer;
    });
    const listing = async () => {
      const { rows } = await looking.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows[0]!.n;
    };
    await until("as many as may are under way", async () => (await listing()) >= 4);
    await bulk(api, [{ job: "nothing" }]);
    expect(ended, "it came before most of them").toBeLessThan(12);
    expect(await listing()).toBeLessThanOrEqual(4);
    for (const { status, body } of await Promise.all(lists)) {
      expect({ status, code: body.code }).toEqual({ status: 503, code: "took_too_long" });
    }
  } finally {
    await locking.query("rollback");
    locking.release();
    await looking.end();
  }
  expect((await api.call("/api/v1/schedules")).status).toBe(200);
});

test("pages lose no run and show none twice while new ones come in", async () => {
  const api = await startApi();
  const job = (n: number) =>
    n % 3 === 0 ? { job: "nothing" } : { job: "greet", input: { name: `${n}` }, queue: "slow" };
  const ids = await bulk(
    api,
    Array.from({ length: 230 }, (_, n) => job(n)),
  );
  const more = () => bulk(api, [job(0), job(1)]);
  const all = await pages(api, "limit=50", more);
  expect(all.seen).toEqual(ids.toReversed());
  const some = await pages(api, "limit=7&job=greet&queue=slow&state=queued", more);
  const wanted = ids.filter((_, n) => n % 3 !== 0).toReversed();
  expect(some.seen.filter((id) => ids.includes(id))).toEqual(wanted);
  expect(new Set(some.seen).size).toBe(some.seen.length);
});

test("a filter that matches nothing ends, and a page that is exactly full does too", async () => {
  const api = await startApi();
  await bulk(
    api,
    Array.from({ length: 10 }, () => ({ job: "nothing" })),
  );
  expect(await pages(api, "correlationId=nobody")).toEqual({ seen: [], asked: 1 });
  expect((await pages(api, "limit=5")).seen).toHaveLength(10);
  expect(await pages(await startApi(), "limit=5")).toEqual({ seen: [], asked: 1 });
});

test("one request looks at 20,000 runs at the most, and says where to look on", async () => {
  const api = await startApi();
  const [oldest] = await bulk(api, [{ job: "nothing", correlationId: "needle" }]);
  await api.db.query(
    `select count(*) from generate_series(1, 12) n, lateral (
       select jsonb_agg(jsonb_build_object('job', 'nothing', 'correlation_id', 'hay' || n || i)) as items
       from generate_series(1, 2000) i
     ) batch, lateral millrace.enqueue_many(items)`,
  );
  const first = await api.call("/api/v1/runs?correlationId=needle");
  expect(first.body).toEqual({ runs: [], nextCursor: expect.any(String) });
  expect(await pages(api, "correlationId=needle")).toEqual({ seen: [oldest], asked: 2 });
});

test("runs are found by state, correlation and time", async () => {
  const api = await startApi();
  const [done, waiting, later] = await bulk(api, [
    { job: "nothing" },
    { job: "nothing", correlationId: "order-1" },
    { job: "nothing", delay: "1h" },
  ]);
  await api.call(`/api/v1/runs/${done}/cancel`, { method: "POST" });
  const found = async (query: string) => (await pages(api, query)).seen;
  expect(await found("state=cancelled")).toEqual([done]);
  expect(await found("state=queued")).toEqual([waiting]);
  expect(await found("state=scheduled")).toEqual([later]);
  expect(await found("correlationId=order-1")).toEqual([waiting]);
  expect(await found("since=2099-01-01T00:00:00Z")).toEqual([]);
  expect(await found("since=1969-01-01T00:00:00%2B01:00")).toHaveLength(3);
});

test("a paused queue is the reason of its runs, everywhere, until it is resumed", async () => {
  const api = await startApi();
  const { body: made } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const paused = await api.call("/api/v1/queues/default/pause", { json: { reason: "moving" } });
  expect(paused.body).toMatchObject({
    name: "default",
    ready: 1,
    running: 0,
    scheduled: 0,
    waiting: 0,
    workers: 0,
    oldestSeconds: expect.any(Number),
    paused: { by: "api", reason: "moving", at: expect.any(String) },
  });
  const reason = "held back: queue default is paused by api: moving";
  expect((await api.call(`/api/v1/runs/${made.id}`)).body.reason).toBe(reason);
  expect((await api.call("/api/v1/runs")).body.runs[0].reason).toBe(reason);
  const resumed = await api.call("/api/v1/queues/default/resume", { method: "POST" });
  expect(resumed.body.paused).toBeNull();
  expect((await api.call("/api/v1/runs")).body.runs[0].reason).toBe("waiting in queue default");
  const { body: queues } = await api.call("/api/v1/queues");
  expect(queues.queues.map((queue: { name: string }) => queue.name)).toEqual(["default", "slow"]);
  for (const path of ["unheard-of", "unheard-of/pause", "unheard-of/resume"]) {
    const method = path.includes("/") ? "POST" : "GET";
    expect((await api.call(`/api/v1/queues/${path}`, { method })).body.code).toBe(
      "queue_not_found",
    );
  }
});

test("jobs are listed as they are registered, also one with a slash in its name", async () => {
  const api = await startApi();
  const { body } = await api.call("/api/v1/jobs");
  expect(body.jobs.map((job: { name: string }) => job.name)).toEqual([
    "any/thing",
    "greet",
    "nothing",
  ]);
  expect(body.jobs[1]).toMatchObject({
    description: "Greets somebody.",
    queue: "default",
    timeoutMs: 300_000,
    retry: { maxAttempts: 5 },
    inputSchema: { type: "object", required: ["name"] },
  });
  const one = await api.call("/api/v1/jobs/any%2Fthing");
  expect(one.body).toMatchObject({ name: "any/thing", queue: "slow", priority: 3 });
  expect((await api.call("/api/v1/jobs/unheard-of")).body).toMatchObject({
    status: 404,
    code: "not_found",
  });
});

test("a worker is shown with what it runs", async () => {
  const api = await startApi();
  expect((await api.call("/api/v1/workers")).body).toEqual({
    now: expect.any(String),
    workers: [],
  });
  const [id] = await bulk(api, [{ job: "nothing" }]);
  const { worker } = await api.claim();
  expect((await api.call("/api/v1/workers")).body).toMatchObject({
    workers: [
      { id: worker, state: "active", running: [id], queues: ["default", "slow"], endedAt: null },
    ],
  });
});

test("a dead letter is listed, rerun once or dismissed, and then handled", async () => {
  const api = await startApi();
  const ids = await bulk(api, [{ job: "nothing" }, { job: "nothing" }, { job: "any/thing" }]);
  const claimed = await api.claim();
  for (const [place] of claimed.runs.entries()) {
    await claimed.settle({ verdict: "fail", failure: FAILURE }, place);
  }
  const list = async (query = "") => (await api.call(`/api/v1/dead-letters${query}`)).body;
  expect(await list("?limit=2")).toMatchObject({
    deadLetters: [
      { runId: ids[2], job: "any/thing", queue: "slow", error: { class: "TypeError" } },
      { runId: ids[1] },
    ],
    nextCursor: ids[1],
  });
  expect((await list(`?limit=2&cursor=${ids[1]}`)).deadLetters).toHaveLength(1);
  expect((await list("?job=any/thing")).deadLetters).toHaveLength(1);

  const act = (id: string | undefined, what: string, json?: object) =>
    api.call(`/api/v1/dead-letters/${id}/${what}`, { method: "POST", json });
  const both = await Promise.all([act(ids[0], "rerun"), act(ids[0], "rerun")]);
  expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 409]);
  const dismissed = await act(ids[1], "dismiss", { note: "refunded by hand" });
  expect([dismissed.status, dismissed.body]).toEqual([204, ""]);
  expect((await act(ids[1], "dismiss")).body.code).toBe("dead_letter_handled");
  expect((await act(ids[1], "rerun")).body.code).toBe("dead_letter_handled");
  expect((await list()).deadLetters).toMatchObject([{ runId: ids[2] }]);
  const { body: old } = await api.call(`/api/v1/runs/${ids[1]}`);
  expect(old.timeline).toContainEqual(
    expect.objectContaining({
      event: "dismissed",
      actor: "api",
      detail: { note: "refunded by hand" },
    }),
  );
  expect((await act("01934f6e-7c00-7000-9d3a-5f0e3c1b2a49", "dismiss")).body.code).toBe(
    "dead_letter_not_found",
  );
});
