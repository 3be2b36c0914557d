import { Claimer, Intake, JobRegistry, advanceOperation } from "millrace";
import { expect, test } from "vitest";
import { type ApiUnderTest, JOBS, startApi } from "../support/api.ts";

const ask = async (api: ApiUnderTest, more: object = {}): Promise<string> =>
  (await api.call("/api/v1/runs", { json: { job: "nothing", ...more } })).body.id;

test("a run is moved by its id, which is in its timeline, and its new queue is rung", async () => {
  const api = await startApi();
  const id = await ask(api);
  api.rung.length = 0;
  const moved = await api.call(`/api/v1/runs/${id}/move`, { json: { queue: "slow", priority: 9 } });
  expect(moved.body).toEqual({ id, queue: "slow", priority: 9, moved: true });
  expect(api.rung).toEqual(["slow"]);
  const { body } = await api.call(`/api/v1/runs/${id}`);
  expect(body).toMatchObject({ queue: "slow", priority: 9, state: "queued" });
  expect(body.timeline).toContainEqual(expect.objectContaining({ event: "moved", actor: "api" }));
  expect((await api.claim(["slow"])).runs).toMatchObject([{ runId: id }]);
  const late = await api.call(`/api/v1/runs/${id}/move`, { json: { priority: 1 } });
  expect(late.body).toMatchObject({ code: "run_not_waiting", status: 409 });
});

test.each([
  [{}, "give queue or priority"],
  [{ queue: "a b" }, "/queue"],
  [{ priority: 1.5 }, "/priority"],
  [{ priority: 1, reason: "x" }, "/reason: there is no such field"],
])("%j says not where to", async (json, detail) => {
  const api = await startApi();
  const { body } = await api.call(`/api/v1/runs/${await ask(api)}/move`, { json });
  expect(body).toMatchObject({
    ...{ code: "invalid_request", detail: expect.stringContaining(detail) },
  });
});

test("an operation moves all that a query finds and that waits still, and skips what a worker has taken", async () => {
  const api = await startApi();
  const taken = await ask(api, { priority: 100 });
  const ids = [await ask(api), await ask(api, { delay: "1h" }), await ask(api)];
  await ask(api, { queue: "slow" });
  const json = { kind: "move", query: "job:nothing queue:default", queue: "slow", priority: -3 };
  const preview = await api.call("/api/v1/operations/preview", { json });
  expect(preview.body).toEqual({ matches: 4, samples: [] });
  const begun = await api.call("/api/v1/operations", { json });
  expect(begun.body).toMatchObject({
    ...{ kind: "move", total: 4 },
    filter: { query: json.query, queue: "slow", priority: -3 },
  });
  const { rows } = await api.db.query<{ id: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('test', 1, '{default}', '{nothing}', '1.2.3', 10000) returning id`,
  );
  await new Claimer(api.db, rows[0]!.id, ["default"], ["nothing"]).claim(1);
  const intake = new Intake(api.db, new JobRegistry(JOBS), () => {});
  while ((await advanceOperation(api.db, intake)).worked) continue;
  const { body: ended } = await api.call(`/api/v1/operations/${begun.body.id}`);
  expect(ended).toMatchObject({ state: "completed", done: 3, skipped: 1, refused: 0 });
  const { body } = await api.call("/api/v1/runs?queue=default");
  expect(body.runs.map(({ id }: { id: string }) => id)).toEqual([taken]);
  const { body: there } = await api.call("/api/v1/runs?queue=slow");
  const moved = there.runs.map(({ id }: { id: string }) => id);
  for (const id of ids) expect(moved).toContain(id);
  expect((await api.call(`/api/v1/runs/${ids[1]}`)).body).toMatchObject({ priority: -3 });
});
