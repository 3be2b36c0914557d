import { defineJob, defineQueue } from "@millrace/sdk";
import { enqueueIn } from "@millrace/sdk/sql";
import { JobRegistry } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { countDepths } from "../../packages/server/src/store/depths.ts";
import { type ApiUnderTest, nothing, startApi } from "../support/api.ts";

const full = { code: "queue_full", status: 429 };

const later = defineJob({ name: "later", debounce: { wait: "1h" }, run: () => null });

/** With two runs in `default`, which takes two. */
async function startFull(): Promise<{ api: ApiUnderTest; first: string }> {
  const api = await startApi({ jobs: [later] });
  const first = (await ask(api, { idempotencyKey: "first" })).body.id as string;
  await ask(api, { delay: "1h" });
  const limited = await limit(api, { maxDepth: 2 });
  expect(limited.body).toMatchObject({ maxDepth: 2, limitedBy: "api" });
  return { api, first };
}

const ask = (api: ApiUnderTest, more: object = {}) =>
  api.call("/api/v1/runs", { json: { job: "nothing", ...more } });

const limit = (api: ApiUnderTest, json: object) =>
  api.call("/api/v1/queues/default/limits", { method: "PUT", json });

const waiting = async ({ db }: ApiUnderTest) =>
  (await db.query<{ count: number }>("select count(*)::int as count from millrace.run")).rows[0]!
    .count;

test("S15: a queue that is full takes no more, from any way in, and says how many wait and when to ask again", async () => {
  const { api } = await startFull();
  const refused = await ask(api);
  expect(refused.body).toMatchObject({
    ...full,
    pointer: "/queue",
    detail: expect.stringContaining(
      "queue 'default' is full: 2 runs wait in it, and it takes no more from 2 on",
    ),
  });
  expect(refused.headers.get("retry-after")).toBe("5");
  const founding = await api.call("/automations", { json: { job_type: "nothing", payload: {} } });
  expect(founding.body).toMatchObject(full);
  for (const json of [{ priority: 3 }, { idempotencyKey: "new" }, { delay: "1d" }]) {
    expect((await ask(api, json)).body, JSON.stringify(json)).toMatchObject(full);
  }
  expect((await ask(api, { job: "later" })).body).toMatchObject(full);
  const headers = { "idempotency-key": "whole" };
  const kept = await api.call("/api/v1/runs", { json: { job: "nothing" }, headers });
  expect(kept.body).toMatchObject(full);
  await expect(api.db.query("select millrace.enqueue('nothing')")).rejects.toMatchObject({
    code: "ML011",
    detail: "0",
  });
  const alike = "select ids from millrace.enqueue_alike('nothing', 'api', '{}')";
  expect((await api.db.query(alike)).rows, "the quick way leaves it to the general one").toEqual([
    { ids: null },
  ]);
  const client = await api.db.connect();
  onTestFinished(() => client.release(true));
  await client.query("begin");
  await expect(enqueueIn(client, nothing)).rejects.toMatchObject({
    code: "queue_full",
    message: expect.stringContaining("of job nothing is full"),
  });
  await client.query("rollback");
  expect(await waiting(api)).toBe(2);
});

test("of a list, those for the full queue are refused, and the others taken in their order", async () => {
  const { api } = await startFull();
  const slow = { job: "nothing", queue: "slow" };
  const more = Array.from({ length: 300 }, (_, n) =>
    n % 3 === 0 ? slow : { job: "nothing", ...(n % 3 === 1 && { idempotencyKey: `key ${n}` }) },
  );
  const { body } = await api.call("/api/v1/runs/bulk", {
    json: { runs: [...more, { job: "unheard-of" }] },
  });
  expect(body).toMatchObject({ accepted: 100, refused: 201 });
  expect(body.results[1]).toMatchObject({ error: { ...full, pointer: "/runs/1/queue" } });
  const taken = body.results.filter((_: unknown, n: number) => n < 300 && n % 3 === 0);
  const ids = taken.map(({ id }: { id: string }) => id);
  expect(ids).toEqual(ids.toSorted((a: string, b: string) => (a < b ? -1 : 1)));
  expect(await waiting(api)).toBe(102);
});

test("what is there already is answered, and what the platform starts is not refused", async () => {
  const { api, first } = await startFull();
  expect((await ask(api, { idempotencyKey: "first" })).body).toMatchObject({
    id: first,
    created: false,
  });
  const claimed = await api.claim(["default"]);
  await claimed.settle({ verdict: "complete", output: null });
  await ask(api);
  await api.db.query("update millrace.queue set depth = 2 where name = 'default'");
  expect((await ask(api)).body).toMatchObject(full);
  const again = await api.call(`/api/v1/runs/${first}/rerun`, { method: "POST" });
  expect(again.body).toMatchObject({ created: true });
});

test("it takes more again when it was counted anew, when its limit is raised, and when nobody counts", async () => {
  const { api } = await startFull();
  await limit(api, { maxDepth: 3 });
  expect((await ask(api)).status).toBe(201);
  await countDepths(api.db, 0);
  expect((await ask(api)).body).toMatchObject(full);
  expect((await api.claim(["default"])).runs).toHaveLength(2);
  await countDepths(api.db, 60_000);
  expect((await ask(api)).body, "just counted").toMatchObject(full);
  await countDepths(api.db, 0);
  expect((await ask(api)).status).toBe(201);
  await api.db.query(
    "update millrace.queue set depth = 9, depth_at = clock_timestamp() - interval '6 minutes' where name = 'default'",
  );
  expect((await ask(api)).status, "a count of six minutes ago").toBe(201);
  await limit(api, { maxDepth: null });
  await api.db.query("update millrace.queue set depth = 9, depth_at = clock_timestamp()");
  expect((await ask(api)).status, "no limit").toBe(201);
});

test("code says how many may wait, from its start on, until an operator does", async () => {
  const api = await startApi();
  await ask(api);
  const queue = defineQueue({ name: "default", maxDepth: 1 });
  await new JobRegistry([], [queue]).register(api.db);
  expect((await ask(api)).body).toMatchObject(full);
  await limit(api, { maxDepth: 7 });
  expect((await ask(api)).status).toBe(201);
  const reset = await api.call("/api/v1/queues/default/limits", { method: "DELETE" });
  expect(reset.body).toMatchObject({ maxDepth: 1, defined: { maxDepth: 1 }, limitedBy: null });
  expect((await ask(api)).body).toMatchObject(full);
  const { body } = await api.call("/api/v1/audit?limit=3");
  expect(JSON.stringify(body)).toContain('"max_depth"');
});
