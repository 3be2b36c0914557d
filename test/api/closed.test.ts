import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineJob } from "@millrace/sdk";
import { enqueueIn } from "@millrace/sdk/sql";
import { expect, onTestFinished, test } from "vitest";
import { hold } from "../../packages/server/src/engine/pause.ts";
import { type ApiUnderTest, nothing, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";

const later = defineJob({ name: "later", debounce: { wait: "1h" }, run: () => null });

const CLOSINGS = [
  {
    ...{ what: "a job that is disabled", on: "jobs/nothing/disable", off: "jobs/nothing/enable" },
    ...{ code: "job_disabled", sqlState: "ML012", pointer: "/job", foundingPointer: "/job_type" },
    said: "job 'nothing' is disabled by api, until 2099-01-01T00:00:00Z: it writes twice",
  },
  {
    what: "a queue that is drained",
    ...{ on: "queues/default/drain", off: "queues/default/reopen" },
    ...{ code: "queue_drained", sqlState: "ML013", pointer: "/queue", foundingPointer: "/queue" },
    said: "queue 'default' is being drained by api, until 2099-01-01T00:00:00Z: it writes twice",
  },
] as const;

const WHY = { reason: "it writes twice", until: "2099-01-01T00:00:00Z" };

const post = (api: ApiUnderTest, path: string, json?: unknown) =>
  api.call(`/api/v1/${path}`, { method: "POST", json });

const ask = (api: ApiUnderTest, more: object = {}) =>
  post(api, "runs", { job: "nothing", ...more });

const kept = async ({ db }: ApiUnderTest) =>
  (await db.query<{ count: number }>("select count(*)::int as count from millrace.run")).rows[0]!
    .count;

test.each(CLOSINGS)(
  "$what takes no run from any way in, says who, why and until when, and takes them again",
  async ({ on, off, code, sqlState, pointer, foundingPointer, said }) => {
    const api = await startApi({ jobs: [later] });
    const first = (await ask(api, { idempotencyKey: "first" })).body.id as string;
    const [dead] = await seedDeadLetters(api.db, 1, { job: "nothing", queue: "default" });
    const before = await kept(api);
    expect((await post(api, on, WHY)).status).toBe(200);

    const refused = { code, status: 409, detail: expect.stringContaining(said) };
    expect((await ask(api)).body).toMatchObject({ ...refused, pointer });
    for (const json of [{ priority: 3 }, { idempotencyKey: "new" }, { delay: "1d" }]) {
      expect((await ask(api, json)).body, JSON.stringify(json)).toMatchObject(refused);
    }
    const founding = await api.call("/automations", { json: { job_type: "nothing", payload: {} } });
    expect(founding.body).toMatchObject({ ...refused, pointer: foundingPointer });
    const { body: bulk } = await post(api, "runs/bulk", {
      runs: [{ job: "nothing" }, { job: "greet", queue: "slow", input: { name: "Ada" } }],
    });
    expect(bulk).toMatchObject({
      ...{ accepted: 1, refused: 1 },
      results: [{ error: { code } }, { created: true }],
    });
    expect((await post(api, `runs/${first}/rerun`)).body.code).toBe("invalid_request");
    expect((await post(api, `runs/${dead}/rerun`)).body).toMatchObject(refused);
    expect((await post(api, `dead-letters/${dead}/rerun`)).body).toMatchObject(refused);

    await expect(api.db.query("select millrace.enqueue('nothing')")).rejects.toMatchObject({
      ...{ code: sqlState, detail: "0" },
    });
    const alike = "select ids from millrace.enqueue_alike('nothing', 'api', '{}')";
    expect((await api.db.query(alike)).rows).toEqual([{ ids: null }]);
    const client = await api.db.connect();
    onTestFinished(() => client.release(true));
    await client.query("begin");
    await expect(enqueueIn(client, nothing)).rejects.toMatchObject({ code });
    await client.query("rollback");
    expect(await kept(api), "but for the one of another job and queue").toBe(before + 1);

    // What is there is answered still.
    expect((await ask(api, { idempotencyKey: "first" })).body).toMatchObject({
      ...{ id: first, created: false },
    });
    expect((await post(api, off)).status).toBe(200);
    expect((await ask(api, { idempotencyKey: "new" })).body).toMatchObject({ created: true });
    expect((await post(api, `dead-letters/${dead}/rerun`)).status).toBe(201);
  },
);

test("a job that is disabled starts nothing that waits, and says why; enabled, all of it", async () => {
  const api = await startApi();
  const { id } = (await ask(api)).body;
  const { body: job } = await post(api, "jobs/nothing/disable", { reason: "twice" });
  expect(job).toMatchObject({
    paused: null,
    disabled: { by: "api", reason: "twice", until: null },
  });
  expect((await api.claim(["default"])).runs).toEqual([]);
  const { body: why } = await api.call(`/api/v1/runs/${id}/explain`);
  expect(why.blockers).toContainEqual(
    expect.objectContaining({
      ...{ code: "job_disabled", message: "job nothing is disabled by api: twice" },
    }),
  );
  expect((await api.call("/api/v1/pauses")).body.pauses).toMatchObject([
    { job: "nothing", key: null, disabled: true, reason: "twice" },
  ]);
  api.rung.length = 0;
  expect((await post(api, "jobs/nothing/enable")).body).toMatchObject({ disabled: null });
  expect(api.rung).toEqual(["default"]);
  expect((await api.claim(["default"])).runs).toMatchObject([{ runId: id }]);
});

test("a job that is disabled is neither paused, resumed nor held for longer; a pause becomes it", async () => {
  const api = await startApi();
  await post(api, "jobs/nothing/pause", { reason: "first", for: "1h" });
  const disabled = { by: "api", reason: "twice", until: null };
  const { body } = await post(api, "jobs/nothing/disable", { reason: "twice" });
  expect(body).toMatchObject({ paused: null, disabled });
  for (const verb of ["pause", "resume"]) {
    const refused = await post(api, `jobs/nothing/${verb}`);
    expect(refused.body, verb).toMatchObject({ code: "job_disabled", status: 409 });
  }
  const again = await post(api, "jobs/nothing/disable", { reason: "still" });
  expect(again.body.disabled).toMatchObject({ at: body.disabled.at, reason: "still" });
  const short = await post(api, "jobs/nothing/disable", { for: "1m" });
  await hold(api.db, "nothing", null, 3_600_000, "the server asks for it");
  expect((await api.call("/api/v1/jobs/nothing")).body.disabled).toEqual(short.body.disabled);
  const { body: enabled } = await post(api, "jobs/nothing/enable");
  expect(enabled).toMatchObject({ paused: null, disabled: null });
  expect((await post(api, "jobs/nothing/pause")).body.paused).toMatchObject({ by: "api" });
  expect((await post(api, "jobs/nothing/enable")).body.paused, "no pause").not.toBeNull();
});

test.each(CLOSINGS)("$what ends by itself at its time", async ({ on }) => {
  const api = await startApi();
  await post(api, on, { for: "1h" });
  expect((await ask(api)).status).toBe(409);
  await api.db.query("update millrace.pause set until = now() where disabled");
  await api.db.query(
    "update millrace.queue set drained_until = now() where drained_at is not null",
  );
  expect((await ask(api)).status).toBe(201);
  expect((await api.claim(["default"])).runs).toHaveLength(1);
  const alike =
    "select ids is not null as taken from millrace.enqueue_alike('nothing', 'api', '{}')";
  if (on.startsWith("queues")) expect((await api.db.query(alike)).rows).toEqual([{ taken: true }]);
  expect((await api.call("/api/v1/jobs/nothing")).body.disabled).toBeNull();
  expect((await api.call("/api/v1/queues/default")).body.drained).toBeNull();
});

test("whoever asks in SQL by the rights that docs/sql.md gives is answered as before, and refused as everybody", async () => {
  const api = await startApi();
  const role = `millrace_test_${randomUUID().replaceAll("-", "")}`;
  const page = readFileSync(join(import.meta.dirname, "../../docs/sql.md"), "utf8");
  const [, rights] = /```sql not-run\n([^]*?)-- for jobs with debounce/.exec(page)!;
  const client = await api.db.connect();
  onTestFinished(async () => {
    await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
    client.release(true);
  });
  await client.query(`create role ${role}; ${rights!.replaceAll("shop", role)}`);
  const enqueue = () => client.query("select millrace.enqueue('nothing')");
  await client.query(`set role ${role}`);
  await enqueue();
  await post(api, "jobs/nothing/disable", WHY);
  await expect(enqueue()).rejects.toMatchObject({ code: "ML012" });
  await post(api, "jobs/nothing/enable");
  await post(api, "queues/default/drain", WHY);
  await expect(enqueue()).rejects.toMatchObject({ code: "ML013" });
  await post(api, "queues/default/reopen");
  await enqueue();
  expect(await kept(api)).toBe(2);
});

test("a queue that is drained is worked off, and says so beside its outlook", async () => {
  const api = await startApi();
  await ask(api);
  const { body } = await post(api, "queues/default/drain", { reason: "moving" });
  expect(body).toMatchObject({
    ...{ ready: 1, paused: null, drained: { by: "api", reason: "moving", until: null } },
    outlook: { verdict: "no_worker" },
  });
  const claimed = await api.claim(["default"]);
  await claimed.settle({
    verdict: "retry",
    delayMs: 0,
    failure: { class: "E", message: "again", stack: null },
  });
  expect((await api.call("/api/v1/queues/default")).body).toMatchObject({ scheduled: 1 });
  const metrics = await api.call("/metrics");
  expect(metrics.text).toContain('millrace_queue_drained{queue="default"} 1');
  expect((await post(api, "queues/default/reopen")).body).toMatchObject({ drained: null });
});
