import { Intake, JobRegistry, MetricsRegistry, advanceOperation } from "millrace";
import { expect, test } from "vitest";
import { OperationMetrics } from "../../packages/server/src/maintenance/operation-metrics.ts";
import { type ApiUnderTest, JOBS, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { until } from "../support/until.ts";

const FINGERPRINT = "00000000000000aa";

interface Stand {
  api: ApiUnderTest;
  /** What a server's runner does, once; whether there was something to do. */
  advance(): Promise<boolean>;
  /** Until nothing is due. */
  advanceAll(): Promise<void>;
  begin(body: object): Promise<number>;
  // What a test expects of it, it says itself.
  // oxlint-disable-next-line typescript/no-explicit-any
  get(id: number): Promise<any>;
}

async function stand(): Promise<Stand> {
  const api = await startApi();
  const intake = new Intake(api.db, new JobRegistry(JOBS), () => {});
  const advance = async () => (await advanceOperation(api.db, intake)).worked;
  return {
    api,
    advance,
    async advanceAll() {
      while (await advance()) continue;
    },
    async begin(body) {
      const { status, body: made } = await api.call("/api/v1/operations", { json: body });
      expect(status, JSON.stringify(made)).toBe(201);
      return made.id as number;
    },
    async get(id) {
      return (await api.call(`/api/v1/operations/${id}`)).body;
    },
  };
}

const fast = { kind: "rerun", ratePerSecond: 1000 };

/** Makes an operation due now that rests. */
async function wake({ api }: Stand): Promise<void> {
  await api.db.query("update millrace.operation set next_at = clock_timestamp()");
}

async function rerunsOf(api: ApiUnderTest): Promise<string[]> {
  const { rows } = await api.db.query<{ rerun_of: string }>(
    "select rerun_of from millrace.run where rerun_of is not null order by rerun_of",
  );
  return rows.map((row) => row.rerun_of);
}

/** Claims what waits and ends every run, the one at that place by failing. */
async function endAll(api: ApiUnderTest, failing = -1): Promise<number> {
  const claimed = await api.claim();
  for (let place = 0; place < claimed.runs.length; place++) {
    await claimed.settle(
      place === failing
        ? { verdict: "fail", failure: { class: "HttpError", message: "503 again", stack: null } }
        : { verdict: "complete", output: null },
      place,
    );
  }
  return claimed.runs.length;
}

test("reruns all that match, each once, and tells how the reruns ended", async () => {
  const it = await stand();
  const { api } = it;
  const wanted = await seedDeadLetters(api.db, 70);
  const others = await seedDeadLetters(api.db, 3, { fingerprint: "00000000000000bb" });
  const body = { ...fast, filter: { fingerprint: FINGERPRINT } };
  const preview = await api.call("/api/v1/operations/preview", { json: body });
  expect(preview.body).toEqual({ matches: 70, samples: [] });

  const id = await it.begin(body);
  expect(await it.get(id)).toMatchObject({ state: "running", total: 70, handled: 0 });
  await until("all are handled", async () => {
    await it.advance();
    return (await it.get(id)).handled === 70;
  });
  expect(await rerunsOf(api)).toEqual(wanted.toSorted());
  await wake(it);
  await it.advance();
  expect(await it.get(id)).toMatchObject({
    state: "running",
    reason: "waiting for the outcome of 70 reruns",
    reruns: { open: 70 },
  });

  expect(await endAll(api, 5)).toBe(70);
  await wake(it);
  await it.advanceAll();
  expect(await it.get(id)).toMatchObject({
    state: "completed",
    reason: null,
    finishedAt: expect.any(String),
    done: 70,
    skipped: 0,
    refused: 0,
    reruns: { completed: 69, failed: 1, cancelled: 0, open: 0 },
  });
  const failed = await api.call(`/api/v1/operations/${id}/members?ended=failed`);
  expect(failed.body.members).toEqual([
    expect.objectContaining({ outcome: "done", ended: "failed", rerun: expect.any(String) }),
  ]);
  const { body: letter } = await api.call(`/api/v1/dead-letters/${wanted[0]}`);
  expect(letter.handled).toMatchObject({ resolution: "rerun", operation: id, by: "api" });
  const { body: run } = await api.call(`/api/v1/runs/${wanted[0]}`);
  expect(run.reruns).toEqual([letter.handled.rerun]);
  const { body: left } = await api.call("/api/v1/dead-letters");
  const open = left.deadLetters.map((one: { runId: string }) => one.runId);
  expect(open).toEqual(expect.arrayContaining(others));
  // The one that failed again is a dead letter of its own, and did not join the operation.
  expect(open).toHaveLength(4);
});

test("keeps to its rate, by the times on record", async () => {
  const it = await stand();
  await seedDeadLetters(it.api.db, 60);
  const id = await it.begin({ kind: "rerun", filter: {}, ratePerSecond: 40 });
  await until("all are handled", async () => {
    await it.advance();
    return (await it.get(id)).handled === 60;
  });
  const { rows } = await it.api.db.query<{ at: Date }>(
    "select at from millrace.operation_member order by at",
  );
  const times = rows.map(({ at }) => at.getTime());
  expect(times).toHaveLength(60);
  for (let from = 0; from < times.length; from++) {
    for (let to = from; to < times.length; to++) {
      const seconds = (times[to]! - times[from]!) / 1000;
      // A batch at once, and what a second of being late left over.
      expect(to - from + 1).toBeLessThanOrEqual(40 * (seconds + 1) + 10 + 1);
    }
  }
  expect(times.at(-1)! - times[0]!).toBeGreaterThan(200);
});

test("a canary tries 1, then 10, then the rest, each when those before have completed", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 30);
  const id = await it.begin({ ...fast, filter: {}, canary: true });
  for (const [made, total] of [
    [1, 1],
    [10, 11],
  ] as const) {
    await until("the stage is made", async () => {
      await it.advance();
      return (await it.get(id)).done === total;
    });
    for (let n = 0; n < 3; n++) {
      await wake(it);
      await it.advance();
    }
    expect(await it.get(id)).toMatchObject({
      state: "running",
      done: total,
      reason: `waiting for the outcome of ${made} rerun${made === 1 ? "" : "s"}`,
    });
    expect(await endAll(api)).toBe(made);
    await wake(it);
  }
  await until("the rest is made", async () => {
    await it.advance();
    return (await it.get(id)).done === 30;
  });
  expect(await endAll(api)).toBe(19);
  await wake(it);
  await it.advanceAll();
  expect(await it.get(id)).toMatchObject({ state: "completed", reruns: { completed: 30 } });
});

test.each([
  ["the same", "503 for order 1"],
  ["another", "the disk is full"],
])("a canary stops by itself at %s error, and leaves the rest open", async (which, message) => {
  const it = await stand();
  const { api } = it;
  const { rows } = await api.db.query("select 1");
  expect(rows).toHaveLength(1);
  await api.call("/api/v1/runs", { json: { job: "any/thing", input: 1 } });
  const failure = { class: "HttpError", message: "503 for order 9", stack: null };
  await (await api.claim()).settle({ verdict: "fail", failure });
  await api.db.query("update millrace.dead_letter set failed_at = failed_at - interval '1 hour'");
  await seedDeadLetters(api.db, 20);
  const id = await it.begin({ ...fast, filter: {}, canary: true });
  await it.advance();
  const again = await api.claim();
  expect(again.runs).toHaveLength(1);
  await again.settle({ verdict: "fail", failure: { ...failure, message } });
  await wake(it);
  await it.advanceAll();
  const stopped = await it.get(id);
  expect(stopped).toMatchObject({ state: "stopped", handled: 1, done: 1, reruns: { failed: 1 } });
  expect(stopped.reason).toBe(
    `rerun ${again.runs[0]!.runId} of ${(await api.call(`/api/v1/operations/${id}/members`)).body.members[0].runId} failed with ${which} error: HttpError: ${message}`,
  );
  expect(await rerunsOf(api)).toHaveLength(1);
  const { body } = await api.call(`/api/v1/operations/${id}/resume`, { method: "POST" });
  expect(body.code).toBe("operation_ended");
});

test("its rate is changed while it goes on, which holds at once, and of one that has none or has ended is refused", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 20);
  const id = await it.begin({ ...fast, filter: {}, ratePerSecond: 0.01 });
  const change = (of: number | string, ratePerSecond: number) =>
    api.call(`/api/v1/operations/${of}`, { method: "PATCH", json: { ratePerSecond } });
  await it.advance();
  expect(await it.get(id)).toMatchObject({ handled: 1 });
  expect(await it.advance()).toBe(false);
  expect((await change(id, 1000)).body).toMatchObject({ ratePerSecond: 1000, state: "running" });
  await it.advance();
  expect((await it.get(id)).handled).toBeGreaterThan(1);
  expect((await change(id, 0)).body).toMatchObject({ code: "invalid_request" });

  await api.call(`/api/v1/operations/${id}/cancel`, { method: "POST" });
  expect((await change(id, 5)).body.code).toBe("operation_ended");
  await seedDeadLetters(api.db, 1);
  const dismissal = await it.begin({ kind: "dismiss", filter: {} });
  expect((await change(dismissal, 5)).body).toMatchObject({
    ...{ code: "invalid_request", pointer: "/ratePerSecond" },
  });
});

test("a canary stops in its last stage as well", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 300);
  const id = await it.begin({ ...fast, filter: {}, canary: true });
  for (const total of [1, 11]) {
    await until("the stage is made", async () => {
      await it.advance();
      return (await it.get(id)).done === total;
    });
    await endAll(api);
    await wake(it);
  }
  await it.advance();
  expect((await it.get(id)).done).toBe(61);
  await endAll(api, 0);
  await wake(it);
  await it.advanceAll();
  expect(await it.get(id)).toMatchObject({ state: "stopped", done: 61, reruns: { failed: 1 } });
});

test("two operations over the same letters, and many processes, rerun none twice", async () => {
  const it = await stand();
  const { api } = it;
  const all = await seedDeadLetters(api.db, 200);
  const body = { ...fast, filter: {} };
  const ids = [
    await it.begin(body),
    await it.begin(body),
    await it.begin({ kind: "dismiss", filter: { job: "nothing-like-it" } }).catch(() => 0),
  ];
  await until("both are handled", async () => {
    await Promise.all([it.advance(), it.advance(), it.advance()]);
    const both = await Promise.all(ids.slice(0, 2).map((id) => it.get(id)));
    return both.every((one) => one.handled === 200);
  });
  expect(await rerunsOf(api)).toEqual(all.toSorted());
  const [a, b] = await Promise.all(ids.slice(0, 2).map((id) => it.get(id)));
  expect(a.done + b.done).toBe(200);
  expect(a.skipped + b.skipped).toBe(200);
});

test("dismisses all that match, with the reason on each", async () => {
  const it = await stand();
  const { api } = it;
  const [first] = await seedDeadLetters(api.db, 700);
  const [other] = await seedDeadLetters(api.db, 1, { job: "greet" });
  const id = await it.begin({
    kind: "dismiss",
    filter: { job: "any/thing" },
    note: "the shop is gone",
  });
  await it.advanceAll();
  expect(await it.get(id)).toMatchObject({
    kind: "dismiss",
    state: "completed",
    done: 700,
    reruns: { open: 0 },
  });
  const { body } = await api.call(`/api/v1/dead-letters/${first}`);
  expect(body.handled).toMatchObject({
    resolution: "dismissed",
    note: "the shop is gone",
    operation: id,
  });
  const { body: left } = await api.call("/api/v1/dead-letters");
  expect(left.deadLetters).toMatchObject([{ runId: other }]);
});

test("a pause holds an operation, resuming goes on where it was, a cancel leaves the rest open", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 120);
  const id = await it.begin({ ...fast, filter: {} });
  await it.advance();
  const path = `/api/v1/operations/${id}`;
  const paused = await api.call(`${path}/pause`, { method: "POST" });
  expect(paused.body).toMatchObject({ state: "paused", handled: 50 });
  await wake(it);
  expect(await it.advance()).toBe(false);
  expect((await api.call(`${path}/pause`, { method: "POST" })).status).toBe(200);
  expect((await api.call(`${path}/resume`, { method: "POST" })).body.state).toBe("running");
  expect(await it.advance()).toBe(true);
  expect((await it.get(id)).handled).toBe(100);
  const cancelled = await api.call(`${path}/cancel`, { method: "POST" });
  expect(cancelled.body).toMatchObject({ state: "cancelled", finishedAt: expect.any(String) });
  await wake(it);
  expect(await it.advance()).toBe(false);
  expect(await rerunsOf(api)).toHaveLength(100);
  for (const verb of ["pause", "resume"]) {
    const late = await api.call(`${path}/${verb}`, { method: "POST" });
    expect(late).toMatchObject({ status: 409, body: { code: "operation_ended" } });
  }
});

test("a patch changes all that it fits; the others are refused with the reason, and stay open", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 2, {
    job: "greet",
    input: '{"name":"n$n","big":12345678901234567890}',
  });
  const [odd] = await seedDeadLetters(api.db, 1, { job: "greet", input: '{"title":"x"}' });
  const body = {
    ...fast,
    filter: {},
    patch: [
      { op: "copy", from: "/name", path: "/old" },
      { op: "replace", path: "/name", value: "Ada" },
    ],
  };
  const preview = await api.call("/api/v1/operations/preview", { json: body });
  expect(preview.body).toMatchObject({
    matches: 3,
    samples: [
      { runId: odd, accepted: false, problem: { code: "invalid_patch" } },
      { accepted: true },
      { accepted: true },
    ],
  });
  const id = await it.begin(body);
  await it.advanceAll();
  expect(await it.get(id)).toMatchObject({ done: 2, refused: 1 });
  const { rows } = await api.db.query(
    "select input::text as input from millrace.run where rerun_of is not null order by id",
  );
  expect(rows).toEqual(
    [1, 2].map((n) => ({ input: `{"big": 12345678901234567890, "old": "n${n}", "name": "Ada"}` })),
  );
  const refused = await api.call(`/api/v1/operations/${id}/members?outcome=refused`);
  expect(refused.body.members).toMatchObject([
    { runId: odd, rerun: null, detail: "/patch/0/from: there is no /name" },
  ]);
  expect((await api.call(`/api/v1/dead-letters/${odd}`)).body.handled).toBeNull();
});

test("one whose job is gone does not hold up the others", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 3);
  await seedDeadLetters(api.db, 1, { job: "forgotten" });
  await seedDeadLetters(api.db, 3);
  const id = await it.begin({ ...fast, filter: {} });
  await it.advanceAll();
  expect(await it.get(id)).toMatchObject({ handled: 7, done: 6, refused: 1 });
  const { body } = await api.call(`/api/v1/operations/${id}/members?outcome=refused`);
  expect(body.members[0].detail).toContain("no job named 'forgotten' is registered");
});

test("operations are listed, and what cannot be one is refused", async () => {
  const it = await stand();
  const { api } = it;
  await seedDeadLetters(api.db, 4);
  const ids: number[] = [];
  for (let n = 0; n < 3; n++) ids.push(await it.begin({ kind: "dismiss", filter: {} }));
  const first = await api.call("/api/v1/operations?limit=2");
  expect(first.body.operations.map((one: { id: number }) => one.id)).toEqual([ids[2], ids[1]]);
  const next = await api.call(`/api/v1/operations?limit=2&cursor=${first.body.nextCursor}`);
  expect(next.body).toMatchObject({ operations: [{ id: ids[0] }], nextCursor: null });
  await it.advanceAll();
  expect((await api.call("/api/v1/operations?state=running")).body.operations).toEqual([]);
  expect((await it.get(ids[2]!)).skipped).toBe(4);

  const refused = async (json: unknown) => (await api.call("/api/v1/operations", { json })).body;
  expect(await refused({ kind: "rerun", filter: {} })).toMatchObject({
    code: "dead_letter_not_found",
  });
  for (const wrong of [
    {},
    { kind: "rerun" },
    { kind: "delete", filter: {} },
    { kind: "dismiss", filter: {}, canary: true },
    { kind: "dismiss", filter: {}, ratePerSecond: 5 },
    { kind: "rerun", filter: { colour: "red" } },
    { kind: "rerun", filter: {}, ratePerSecond: 0 },
    { kind: "rerun", filter: {}, note: "x" },
    { kind: "rerun", filter: {}, patch: [{ op: "add", path: "/__proto__", value: 1 }] },
  ]) {
    expect(await refused(wrong), JSON.stringify(wrong)).toMatchObject({ code: "invalid_request" });
  }
  for (const path of ["999", "999/members", "999/pause", "999/cancel"]) {
    const method = /\/(pause|cancel)/.test(path) ? "POST" : "GET";
    const { body } = await api.call(`/api/v1/operations/${path}`, { method });
    expect(body.code).toBe("operation_not_found");
  }
  expect((await api.call("/api/v1/operations/x")).status).toBe(400);
});

test("metrics tell how many operations go on or are paused, what waits, and what was handled", async () => {
  const { api, begin } = await stand();
  const letters = await seedDeadLetters(api.db, 3, { fingerprint: FINGERPRINT });
  await api.call(`/api/v1/dead-letters/${letters[1]}/dismiss`, { method: "POST" });
  await seedDeadLetters(api.db, 2, { fingerprint: "00000000000000bb" });
  const metrics = async () => {
    const { body } = await api.call("/metrics");
    return (body as string).split("\n").filter((line) => line.startsWith("millrace_operation"));
  };
  const paused = await begin({ kind: "dismiss", filter: { fingerprint: "00000000000000bb" } });
  await api.call(`/api/v1/operations/${paused}/pause`, { method: "POST" });
  await begin({ kind: "dismiss", filter: { fingerprint: FINGERPRINT } });
  expect(await metrics()).toEqual([
    'millrace_operations{state="running"} 1',
    'millrace_operations{state="paused"} 1',
    "millrace_operation_members_waiting 4",
  ]);

  await api.call(`/api/v1/dead-letters/${letters[2]}/dismiss`, { method: "POST" });
  const registry = new MetricsRegistry();
  const { handled } = new OperationMetrics(registry);
  const intake = new Intake(api.db, new JobRegistry(JOBS), () => {});
  for (;;) {
    const part = await advanceOperation(api.db, intake);
    if (part.handled) handled(part.handled);
    if (!part.worked) break;
  }
  const counted = await registry.metrics();
  for (const [outcome, members] of Object.entries({ done: 1, skipped: 1, refused: 0 })) {
    const line = `millrace_operation_members_total{kind="dismiss",outcome="${outcome}"} ${members}`;
    expect(counted.split("\n")).toContain(line);
  }
});

test("a query chooses what is rerun, dismissed and cancelled, and is frozen when the operation begins", async () => {
  const at = await stand();
  const { api } = at;
  const ids = await seedDeadLetters(api.db, 6, { input: '{"tenant":"t$n"}' });
  const query = "status:failed input.tenant:t1,t2,t3";
  const preview = await api.call("/api/v1/operations/preview", { json: { ...fast, query } });
  expect(preview.body.matches).toBe(3);
  const rerun = await at.begin({ ...fast, query });
  expect(await at.get(rerun)).toMatchObject({ total: 3, filter: { query } });
  await seedDeadLetters(api.db, 1, { input: '{"tenant":"t1"}' });
  while ((await at.get(rerun)).handled < 3) {
    await wake(at);
    await at.advance();
  }
  expect(await rerunsOf(api)).toEqual(ids.slice(0, 3));
  const made = await api.call(`/api/v1/runs?q=bulk:${rerun}`);
  expect(made.body.runs).toHaveLength(3);
  // What has been handled is not chosen again.
  const dismiss = await at.begin({ kind: "dismiss", query: "job:any/*", note: "gone" });
  expect(await at.get(dismiss)).toMatchObject({ total: 4 });

  const cancel = await at.begin({
    kind: "cancel",
    query: "queue:slow -input.tenant:t1",
    note: "no use",
  });
  expect(await at.get(cancel)).toMatchObject({ kind: "cancel", total: 2, note: "no use" });
  const [first] = made.body.runs as { id: string }[];
  await api.call(`/api/v1/runs/${first!.id}/cancel`, { method: "POST" });
  await api.db.query("update millrace.operation set state = 'paused' where id <> $1", [cancel]);
  await wake(at);
  await at.advanceAll();
  expect(await at.get(cancel)).toMatchObject({
    state: "completed",
    handled: 2,
    done: 1,
    skipped: 1,
  });
  const { body } = await api.call("/api/v1/runs?q=status:cancelled");
  expect(body.runs).toHaveLength(2);
});

test("an operation takes a filter or a query that can be what it is for", async () => {
  const { api } = await stand();
  await seedDeadLetters(api.db, 1);
  for (const [json, status, said] of [
    [{ kind: "rerun" }, 400, "give filter or query"],
    [{ kind: "dismiss", filter: {}, query: "x" }, 400, "give filter or query"],
    [{ kind: "rerun", query: "status:running" }, 400, "only failed runs"],
    [{ kind: "rerun", query: "stauts:failed" }, 400, "did you mean status?"],
    [{ kind: "rerun", query: "job:none" }, 404, "no dead letter"],
    [{ kind: "cancel", query: "status:failed" }, 404, "no run that has not ended"],
    [{ kind: "cancel", filter: {} }, 400, "query"],
  ] as const) {
    const answer = await api.call("/api/v1/operations", { json });
    expect([answer.status, answer.text], JSON.stringify(json)).toEqual([
      status,
      expect.stringContaining(said),
    ]);
  }
});
