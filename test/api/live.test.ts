import { defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { openEvents } from "../support/event-source.ts";
import { until } from "../support/until.ts";

const NO_ID = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";

async function enqueue(api: ApiUnderTest, json: object): Promise<string> {
  return (await api.call("/api/v1/runs", { json })).body.id;
}

const watch = (api: ApiUnderTest, ids: string[], how?: Parameters<typeof openEvents>[1]) =>
  openEvents(`${api.url}/api/v1/live?runs=${ids.join(",")}`, how);

test("who watches is told how queues stand, and of the runs on the screen when they change", async () => {
  const api = await startApi();
  const id = await enqueue(api, { job: "nothing" });
  const other = await enqueue(api, { job: "nothing", queue: "slow" });
  const source = await watch(api, [id, NO_ID]);
  const { data: first } = await source.next("tick");
  expect(first).toMatchObject({
    ...{ everyMs: expect.any(Number), states: { queued: 2, running: 0 } },
    cost: { watchers: 1, queriesPerSecond: expect.any(Number), databaseShare: expect.any(Number) },
  });
  // More where a look takes long.
  expect(first.everyMs).toBeGreaterThanOrEqual(1000);
  expect(first.queues).toContainEqual({
    ...{ name: "default", ready: 1, held: 0, running: 0 },
    ...{ oldestSeconds: expect.any(Number), paused: false },
    outlook: expect.objectContaining({ verdict: "no_worker" }),
  });
  const { body } = await api.call(`/api/v1/runs?q=id:${id}`);
  expect((await source.next("runs")).data.runs).toEqual(body.runs);
  expect((await source.next("gone")).data).toEqual({ runs: [NO_ID] });

  await api.call("/api/v1/queues/default/pause", { json: { reason: "moving" } });
  await source.next("tick", ({ queues }) =>
    queues.some((queue: { paused: boolean }) => queue.paused),
  );
  await api.call("/api/v1/queues/default/resume", { method: "POST" });
  const claimed = await api.claim(["default"]);
  await source.next("runs", ({ runs }) => runs[0].state === "running" && runs[0].attempt === 1);
  await source.next("tick", ({ states }) => states.running === 1);
  await claimed.settle({ verdict: "complete", output: "null" });
  await source.next("runs", ({ runs }) => runs[0].state === "completed");
  const { data: last } = await source.next(
    "tick",
    ({ states }) => states.running === 0 && states.queued === 1,
  );
  const { body: queue } = await api.call("/api/v1/queues/slow");
  expect(last.queues.find(({ name }: { name: string }) => name === "slow").outlook).toEqual(
    queue.outlook,
  );
  expect(last.queues.find(({ name }: { name: string }) => name === "default").outlook).toBe(null);
  const told = source.events.filter(({ event }) => event === "runs");
  expect(told).toHaveLength(3);
  expect(JSON.stringify(source.events)).not.toContain(other);
});

test("all who watch share one look, and nobody looks when nobody watches", async () => {
  const api = await startApi();
  const looks = async () => {
    const { text } = await api.call("/metrics");
    return Number(/millrace_live_tick_duration_seconds_count (\d+)/.exec(text)?.[1] ?? 0);
  };
  expect(await looks()).toBe(0);
  const sources = await Promise.all(Array.from({ length: 20 }, () => watch(api, [])));
  for (const source of sources) {
    await source.next("tick", ({ cost }) => cost.watchers === 20);
  }
  const seen = await looks();
  await until("all looks have been told", () => {
    return new Set(sources.flatMap(({ events }) => events.map(({ id }) => id))).size >= seen;
  });
  for (const source of sources) source.leave();
  await until("nobody watches", async () =>
    (await api.call("/metrics")).text.includes("millrace_live_watchers 0\n"),
  );
  const { data } = await watch(api, []).then((source) => source.next("tick"));
  expect(data.cost.watchers).toBe(1);
});

test("who comes back is told only of what has changed since", async () => {
  const api = await startApi();
  const [one, two] = [
    await enqueue(api, { job: "nothing" }),
    await enqueue(api, { job: "greet", input: { name: "A" }, queue: "slow" }),
  ];
  // Somebody stays, so that the looks go on.
  await watch(api, [one, two]);
  const source = await watch(api, [one, two]);
  await source.next("runs");
  const { id: lastId } = await source.next("tick");
  source.leave();
  await api.call(`/api/v1/runs/${two}/cancel`, { method: "POST" });
  const back = await watch(api, [one, two], { lastId: lastId! });
  const { data } = await back.next("runs");
  expect(data.runs.map((run: { id: string }) => run.id)).toEqual([two]);
  const anew = await watch(api, [one, two], { lastId: "00000000-7" });
  expect((await anew.next("runs")).data.runs).toHaveLength(2);
  expect((await watch(api, [], { lastId: "nonsense" })).status).toBe(400);
});

test("who is confined to a project sees its runs and what is its own of a shared queue", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  const own = await enqueue(api, { job: "crm/sync" });
  const other = await enqueue(api, { job: "nothing" });
  await enqueue(api, { job: "nothing", queue: "slow" });
  const source = await watch(api, [own, other], { key: made.body.key });
  const { data } = await source.next("tick");
  expect(data).toMatchObject({ states: { queued: 1, running: 0 }, cost: null });
  expect(data.queues).toContainEqual(expect.objectContaining({ name: "default", ready: 1 }));
  expect((await source.next("runs")).data.runs.map((run: { id: string }) => run.id)).toEqual([own]);
  expect((await source.next("gone")).data.runs).toEqual([other]);
  await api.call(`/api/v1/runs/${other}/cancel`, { method: "POST" });
  await api.call(`/api/v1/runs/${own}/cancel`, { method: "POST" });
  await source.next("runs", ({ runs }) => runs[0].state === "cancelled");
  const ids = source.events.flatMap(({ event, data: told }) => (event === "runs" ? told.runs : []));
  expect(ids.some((run: { id: string }) => run.id === other)).toBe(false);
  await source.next("tick");
  await source.next("tick");
  const gone = source.events.filter(({ event }) => event === "gone");
  expect(gone, "nothing of what becomes of it").toHaveLength(1);
});

test("a tick that is still to come is none that anybody has seen: who names it is told all", async () => {
  const api = await startApi();
  const id = await enqueue(api, { job: "nothing" });
  const first = await watch(api, [id]);
  const { id: tick } = await first.next("tick");
  const forged = await watch(api, [id], { lastId: tick!.replace(/-\d+$/, "-999999999999") });
  expect((await forged.next("runs")).data.runs).toMatchObject([{ id }]);
});

test("what cannot be watched is refused", async () => {
  const api = await startApi();
  for (const runs of ["7", Array.from({ length: 201 }, () => crypto.randomUUID()).join(",")]) {
    const { status, body } = await api.call(`/api/v1/live?runs=${runs}`);
    expect([status, body.code]).toEqual([400, "invalid_request"]);
  }
  expect((await api.call("/api/v1/live", { key: null })).status).toBe(401);
});

test("of more open runs than one look takes all have their turn", async () => {
  const api = await startApi();
  const ids: string[] = [];
  for (let n = 0; n < 7; n++) {
    const runs = Array.from({ length: 1000 }, () => ({ job: "nothing" }));
    const { body } = await api.call("/api/v1/runs/bulk", { json: { runs } });
    ids.push(...body.results.map(({ id }: { id: string }) => id));
  }
  const sources = [];
  for (let n = 0; n < 35; n++) sources.push(await watch(api, ids.slice(n * 200, (n + 1) * 200)));
  for (const source of sources) {
    const told = () =>
      source.events.flatMap(({ event, data }) => (event === "runs" ? data.runs : []));
    await until("it is told of all of its runs", () => told().length >= 200);
  }
  for (const [n, source] of sources.entries()) {
    if (n % 17 !== 0) continue;
    const id = ids[n * 200]!;
    await api.call(`/api/v1/runs/${id}/cancel`, { method: "POST" });
    await source.next("runs", ({ runs }) =>
      runs.some((run: { id: string; state: string }) => run.id === id && run.state === "cancelled"),
    );
  }
});
