import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";

const UUID = expect.stringMatching(
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
);
const FAILURE = { class: "TypeError", message: "no such thing", stack: "TypeError: no such thing" };

test("a run that is asked for is durable, and is shown with its reason, timeline and input", async () => {
  const api = await startApi();
  const made = await api.call("/api/v1/runs", { json: { job: "greet", input: { name: "Ada" } } });
  expect(made.status).toBe(201);
  expect(made.body).toEqual({ id: UUID, created: true, queue: "default", runAt: null });
  expect(made.headers.get("location")).toBe(`/api/v1/runs/${made.body.id}`);
  expect(api.rung).toEqual(["default"]);

  const run = await api.call(`/api/v1/runs/${made.body.id}`);
  expect(run.body).toMatchObject({
    job: "greet",
    state: "queued",
    reason: "waiting in queue default",
    input: { name: "Ada" },
    output: null,
    attempt: 0,
    maxAttempts: 5,
    trigger: "api",
    correlationId: made.headers.get("x-request-id"),
    attempts: [],
    timeline: [{ event: "accepted", actor: null, detail: { trigger: "api" } }],
    parent: null,
    children: null,
    reruns: [],
  });
});

test("a run's options are kept, and its state says why it waits", async () => {
  const api = await startApi();
  const made = await api.call("/api/v1/runs", {
    json: {
      job: "greet",
      input: { name: "Ada" },
      queue: "slow",
      priority: -7,
      delay: "2h",
      correlationId: "order-4711",
    },
  });
  const { body } = await api.call(`/api/v1/runs/${made.body.id}`);
  expect(body).toMatchObject({
    queue: "slow",
    priority: -7,
    state: "scheduled",
    reason: `not due until ${made.body.runAt}`,
    runAt: made.body.runAt,
    correlationId: "order-4711",
  });
  expect(api.rung).toEqual([]);

  const past = await api.call("/api/v1/runs", {
    json: { job: "greet", input: { name: "Bo" }, runAt: "2001-01-01T00:00:00+02:00" },
  });
  expect((await api.call(`/api/v1/runs/${past.body.id}`)).body.state).toBe("queued");
});

test("an attempt under way, a retry and a failure are told apart", async () => {
  const api = await startApi();
  const { body: made } = await api.call("/api/v1/runs", { json: { job: "any/thing", input: 1 } });
  const look = async () => (await api.call(`/api/v1/runs/${made.id}`)).body;

  const first = await api.claim();
  expect(await look()).toMatchObject({
    state: "running",
    reason: null,
    attempt: 1,
    worker: expect.any(Number),
    attempts: [{ number: 1, outcome: "running", finishedAt: null, durationMs: null, error: null }],
  });

  await first.settle({ verdict: "retry", delayMs: 60_000, failure: FAILURE });
  const retrying = await look();
  expect(retrying).toMatchObject({
    state: "scheduled",
    attempt: 1,
    failures: 1,
    maxAttempts: 2,
    error: { class: "TypeError", message: "no such thing" },
    attempts: [{ number: 1, outcome: "failed", error: FAILURE }],
  });
  expect(retrying.reason).toMatch(/^retry 1 in (1 m|5\d(\.\d)? s)$/);

  await api.db.query("update millrace.timer set due_at = clock_timestamp() - interval '1 s'");
  expect((await look()).reason).toBe("retry 1 is due");
  await api.db.query("delete from millrace.timer");
  await api.db.query(
    "insert into millrace.ready (queue, priority, job, run_ids) values ('slow', 3, 'any/thing', array[$1::uuid])",
    [made.id],
  );
  await (await api.claim()).settle({ verdict: "fail", failure: FAILURE });
  expect(await look()).toMatchObject({
    state: "failed",
    reason: "TypeError",
    attempt: 2,
    finishedAt: expect.any(String),
  });
});

test("a run that sleeps says until when, and shows its steps without what they gave", async () => {
  const api = await startApi();
  const { body: made } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const due = new Date(Date.now() + 3_600_000);
  await (await api.claim()).settle({ verdict: "suspend", due });
  await api.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
     values ($1, 'charge', 1, 'step', 1, 1, now() - interval '9 s', now() - interval '8 s', '"secret"'),
       ($1, 'charge', 2, 'step', 2, 1, now() - interval '8 s', now() - interval '7 s', '1')`,
    [made.id],
  );
  await api.db.query(
    "insert into millrace.waiter (run_id, name, ordinal, kind, asked_at, due_at) values ($1, 'nap', 1, 'sleep', now() - interval '7 s', $2)",
    [made.id, due],
  );
  const { body } = await api.call(`/api/v1/runs/${made.id}`);
  expect(body).toMatchObject({
    state: "waiting",
    reason: `sleeps until ${due.toISOString()}`,
    runAt: due.toISOString(),
    attempt: 1,
    attempts: [{ number: 1, outcome: "released", error: null }],
  });
  const at = expect.any(String);
  expect(body.steps).toEqual([
    { name: "charge", ordinal: 1, kind: "step", attempt: 1, startedAt: at, finishedAt: at },
    { name: "charge", ordinal: 2, kind: "step", attempt: 1, startedAt: at, finishedAt: at },
    { name: "nap", ordinal: 1, kind: "sleep", attempt: null, startedAt: at, finishedAt: null },
  ]);
  const list = await api.call("/api/v1/runs?state=waiting");
  expect(list.body.runs).toMatchObject([{ id: made.id, reason: body.reason }]);
  const explained = await api.call(`/api/v1/runs/${made.id}/explain`);
  expect(explained.body).toMatchObject({
    state: "waiting",
    blockers: [{ code: "asleep", until: due.toISOString() }],
    expectedStart: due.toISOString(),
  });
  const queues = await api.call("/api/v1/queues/default");
  expect(queues.body).toMatchObject({ scheduled: 0, waiting: 1 });
});

test("an output, a log and progress are read back", async () => {
  const api = await startApi();
  const { body: made } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  expect((await api.call(`/api/v1/runs/${made.id}/logs`)).body).toEqual({
    lines: [],
    next: null,
    previous: null,
  });
  await api.db.query(
    `insert into millrace.log (run_id, seq, attempt, at, level, message, fields)
     select $1, n, 1, clock_timestamp(), 'info', 'line ' || n, '{"n": 1}' from generate_series(0, 4) n`,
    [made.id],
  );
  await api.db.query(
    "insert into millrace.progress (run_id, done, total, message) values ($1, 3, 10, 'pages')",
    [made.id],
  );
  await (await api.claim()).settle({ verdict: "complete", output: '{"rows":[1,2]}' });
  expect((await api.call(`/api/v1/runs/${made.id}`)).body).toMatchObject({
    state: "completed",
    output: { rows: [1, 2] },
    progress: { done: 3, total: 10, message: "pages" },
    attempts: [{ number: 1, outcome: "completed", durationMs: expect.any(Number) }],
  });

  const first = await api.call(`/api/v1/runs/${made.id}/logs?limit=3`);
  expect(first.body.lines.map((line: { message: string }) => line.message)).toEqual([
    "line 0",
    "line 1",
    "line 2",
  ]);
  const rest = await api.call(`/api/v1/runs/${made.id}/logs?limit=3&after=${first.body.next}`);
  expect(rest.body).toMatchObject({
    lines: [{ seq: 3, fields: { n: 1 } }, { seq: 4 }],
    next: null,
  });
});

test("a waiting run is cancelled, a running one asked, and a finished one left alone", async () => {
  const api = await startApi();
  const ask = async () => (await api.call("/api/v1/runs", { json: { job: "nothing" } })).body.id;
  const cancel = (id: string, json?: unknown) =>
    api.call(`/api/v1/runs/${id}/cancel`, { method: "POST", ...(json !== undefined && { json }) });

  const waiting = await ask();
  expect((await cancel(waiting, { reason: "a mistake" })).body).toEqual({ result: "cancelled" });
  expect((await cancel(waiting)).body).toMatchObject({ status: 409, code: "run_finished" });
  const { body } = await api.call(`/api/v1/runs/${waiting}`);
  expect(body).toMatchObject({ state: "cancelled", reason: null });
  expect(body.timeline).toContainEqual(
    expect.objectContaining({
      event: "cancel asked",
      actor: "api",
      detail: { reason: "a mistake" },
    }),
  );

  expect((await cancel(await ask(), { reason: "" })).body).toEqual({ result: "cancelled" });

  const running = await ask();
  await api.claim();
  expect((await cancel(running)).body).toEqual({ result: "asked" });
  expect((await api.call(`/api/v1/runs/${running}`)).body).toMatchObject({
    state: "running",
    cancelRequestedAt: expect.any(String),
  });
  expect((await cancel("01934f6e-7c00-7000-9d3a-5f0e3c1b2a49")).body.code).toBe("run_not_found");
});

test("a finished run is rerun as a new one, and an open one is not", async () => {
  const api = await startApi();
  const { body: made } = await api.call("/api/v1/runs", {
    json: { job: "greet", input: { name: "Ada" }, correlationId: "order-1" },
  });
  const rerun = (headers = {}) =>
    api.call(`/api/v1/runs/${made.id}/rerun`, { method: "POST", headers });
  expect((await rerun()).body).toMatchObject({ status: 400, code: "invalid_request" });
  await api.call(`/api/v1/runs/${made.id}/cancel`, { method: "POST" });

  const again = await rerun();
  expect(again.status).toBe(201);
  expect((await api.call(`/api/v1/runs/${again.body.id}`)).body).toMatchObject({
    rerunOf: made.id,
    trigger: "rerun",
    input: { name: "Ada" },
    correlationId: "order-1",
  });
  expect((await api.call(`/api/v1/runs/${made.id}`)).body.reruns).toEqual([again.body.id]);
});

test("one idempotency key makes one run, however many ask at once, and refuses another input", async () => {
  const api = await startApi();
  const ask = (json: object) => api.call("/api/v1/runs", { json });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      ask({ job: "greet", input: { name: "Ada" }, idempotencyKey: "one" }),
    ),
  );
  expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
  expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(49);
  const other = { job: "greet", input: { name: "Bo" } };
  expect((await ask({ ...other, idempotencyKey: "one" })).body).toMatchObject({
    status: 409,
    code: "idempotency_key_reused",
  });
  expect((await ask({ ...other, idempotencyKey: "two" })).status).toBe(201);
});

test("in a bulk request each run has its own result, and a bad one in the middle holds up nothing", async () => {
  const api = await startApi();
  const { status, body } = await api.call("/api/v1/runs/bulk", {
    json: {
      runs: [
        { job: "greet", input: { name: "Ada" } },
        { job: "greet", input: { name: 7 } },
        { job: "greet", input: { name: "Bo" }, colour: "red" },
        { job: "unheard-of" },
        { job: "nothing", queue: "unheard-of" },
        { job: "any/thing", input: nested(65) },
        { job: "nothing", runAt: "9999-12-31T23:59:59-23:59" },
        { job: "nothing" },
      ],
    },
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({ accepted: 2, refused: 6 });
  const told = body.results.map((result: { error?: { code: string; pointer: string } }) =>
    result.error ? [result.error.code, result.error.pointer] : "accepted",
  );
  expect(told).toEqual([
    "accepted",
    ["invalid_input", "/runs/1/input/name"],
    ["invalid_request", "/runs/2/colour"],
    ["unknown_job", "/runs/3/job"],
    ["queue_not_found", "/runs/4/queue"],
    ["invalid_json", expect.stringMatching(/^\/runs\/5\/input\/0\/0/)],
    ["invalid_request", "/runs/6/runAt"],
    "accepted",
  ]);
  const { body: list } = await api.call("/api/v1/runs");
  expect(list.runs.map((run: { job: string }) => run.job)).toEqual(["nothing", "greet"]);
});

test("a bulk request is 1 to 1,000 runs, in their order", async () => {
  const api = await startApi();
  const runs = Array.from({ length: 1000 }, (_, n) => ({ job: "any/thing", input: n }));
  const { body } = await api.call("/api/v1/runs/bulk", { json: { runs } });
  expect(body.accepted).toBe(1000);
  const ids = body.results.map((result: { id: string }) => result.id);
  expect(ids).toEqual(ids.toSorted());
  for (const wrong of [[], [...runs, runs[0]]]) {
    const refused = await api.call("/api/v1/runs/bulk", { json: { runs: wrong } });
    expect(refused.body).toMatchObject({ status: 400, pointer: "/runs" });
  }
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}
