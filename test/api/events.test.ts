import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";

test("an event is durable when it is answered with 201, and sent once under a key", async () => {
  const api = await startApi();
  const json = { name: "order.paid", payload: { order: 4711 }, idempotencyKey: "paid-4711" };
  const first = await api.call("/api/v1/events", { json });
  expect(first).toMatchObject({ status: 201, body: { created: true } });
  const again = await api.call("/api/v1/events", {
    json: { name: "order.paid", payload: { order: 4711 } },
    headers: { "idempotency-key": "paid-4711" },
  });
  expect(again).toMatchObject({ status: 200, body: { id: first.body.id, created: false } });
  const { rows } = await api.db.query("select id, name, payload, key from millrace.emission");
  expect(rows).toEqual([
    { id: first.body.id, name: "order.paid", payload: { order: 4711 }, key: "paid-4711" },
  ]);
  const other = await api.call("/api/v1/events", { json: { ...json, payload: { order: 1 } } });
  expect(other).toMatchObject({ status: 409, body: { code: "idempotency_key_reused" } });
});

test.each<[string, object, number, object]>([
  ["without a name", { payload: {} }, 400, { code: "invalid_request", pointer: "/name" }],
  [
    "with a name that is none",
    { name: "Order Paid" },
    400,
    { code: "invalid_request", pointer: "/name" },
  ],
  ["with a field that is unknown", { name: "a", payloads: {} }, 400, { code: "invalid_request" }],
  [
    "for a run that is not there",
    { name: "a", run: "01900000-0000-7000-8000-000000000000" },
    404,
    { code: "run_not_found" },
  ],
  [
    "that is too large",
    { name: "a", payload: { text: "x".repeat(256 * 1024) } },
    413,
    { code: "payload_too_large", pointer: "/payload" },
  ],
])("an event %s is refused, and nothing is kept of it", async (_what, json, status, problem) => {
  const api = await startApi();
  expect(await api.call("/api/v1/events", { json })).toMatchObject({ status, body: problem });
  expect((await api.db.query("select 1 from millrace.emission")).rows).toEqual([]);
});

test("one that is refused does not hold up those that were sent at the same time", async () => {
  const api = await startApi();
  const send = (name: string, run?: string) =>
    api.call("/api/v1/events", { json: { name, ...(run && { run }) } });
  const absent = "01900000-0000-7000-8000-000000000000";
  const answers = await Promise.all([send("a"), send("b", absent), send("c")]);
  expect(answers.map(({ status }) => status)).toEqual([201, 404, 201]);
});

test("a signal to a run that has ended is refused, but one that was sent before under its key is there", async () => {
  const api = await startApi();
  const { body: run } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const json = { name: "nudge", run: run.id, idempotencyKey: "one" };
  const sent = await api.call("/api/v1/events", { json });
  expect(sent).toMatchObject({ status: 201, body: { created: true } });
  await api.call(`/api/v1/runs/${run.id}/cancel`, { json: {} });
  expect(await api.call("/api/v1/events", { json: { name: "nudge", run: run.id } })).toMatchObject({
    status: 409,
    body: { code: "run_finished", detail: expect.stringContaining(`run ${run.id} has ended`) },
  });
  expect(await api.call("/api/v1/events", { json })).toMatchObject({
    status: 200,
    body: { id: sent.body.id, created: false },
  });
  expect((await api.db.query("select key from millrace.emission")).rows).toEqual([{ key: "one" }]);
});

test("a signal to a run that makes good what it did is refused, because nothing will take it", async () => {
  const api = await startApi();
  const { body: run } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  await api.db.query("update millrace.run set compensates = true where id = $1", [run.id]);
  const json = { name: "nudge", run: run.id };
  expect(await api.call("/api/v1/events", { json })).toMatchObject({ status: 201 });
  expect(await api.call(`/api/v1/runs/${run.id}/cancel`, { json: {} })).toMatchObject({
    body: { result: "compensating" },
  });
  expect(await api.call("/api/v1/events", { json })).toMatchObject({
    status: 409,
    body: { code: "run_finished", detail: expect.stringContaining("is about to") },
  });
});

test("the payload of an event has 256 KiB at the most, null is {}, and what JSON would lose is refused", async () => {
  const api = await startApi();
  const emit = (payload: unknown) =>
    api.call("/api/v1/events", { json: { name: "nudge", payload } });
  expect(await emit("x".repeat(256 * 1024 - 2))).toMatchObject({ status: 201 });
  expect(await emit("x".repeat(256 * 1024 - 1))).toMatchObject({
    status: 413,
    body: { code: "payload_too_large", pointer: "/payload" },
  });
  await emit(null);
  await emit(undefined);
  const { rows } = await api.db.query<{ payload: unknown }>(
    "select payload from millrace.emission order by id offset 1",
  );
  expect(rows).toEqual([{ payload: {} }, { payload: {} }]);
  for (const payload of [
    '{"__proto__":1}',
    "1e400",
    '"\\ud800"',
    '{"a":"\\u0000"}',
    '{"a":1,"a":2}',
  ]) {
    const text = `{"name":"nudge","payload":${payload}}`;
    expect(await api.call("/api/v1/events", { text }), payload).toMatchObject({
      status: 400,
      body: { code: "invalid_json" },
    });
  }
});
