import type { RunGraph } from "@millrace/core/api";
import { type AnyJob, after, createClient, defineFlow, defineJob } from "@millrace/sdk";
import { MetricsRegistry, buildApi, cancel } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { mermaidOf, printGraph } from "../../packages/server/src/cli/output/graph-page.ts";
import { Screen } from "../../packages/server/src/cli/output/screen.ts";
import { by } from "../support/caller.ts";
import { API_KEY, startApi } from "../support/api.ts";
import { double, endless } from "../support/family.ts";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { until } from "../support/until.ts";

/** Millrace with a worker, and a way to its graphs. */
async function started(...jobs: AnyJob[]) {
  const mill = await Mill.create(...jobs);
  const api = await buildApi({
    ...{ db: mill.db, intake: mill.intake, ring: () => {}, logger: mill.logger },
    ...{
      apiKey: API_KEY,
      secretKeys: secretKeys(),
      version: "1.2.3",
      metrics: new MetricsRegistry(),
    },
    health: async () => ({ ok: true, checks: {} }),
  });
  onTestFinished(() => api.close());
  const get = async (url: string) =>
    api.inject({ url, headers: { authorization: `Bearer ${API_KEY}` } });
  const graphOf = async (id: string) =>
    (await get(`/api/v1/runs/${id}/graph`)).json<RunGraph & { code?: string }>();
  const work = async () => {
    await mill.startWorker();
    await mill.startDispatcher();
  };
  return { mill, get, graphOf, work };
}

const statesIn = ({ nodes }: RunGraph) =>
  Object.fromEntries(nodes.map(({ id, state }) => [id, state]));

const edgesIn = ({ edges }: RunGraph) => edges.map(({ from, to }) => `${from} > ${to}`);

/** Opened by the test, node by node. */
const gates = new Map<string, () => void>();
const gated = (name: string) => () =>
  new Promise<string>((pass) => gates.set(name, () => pass(name)));

const nightly = defineFlow({ name: "nightly", retry: { maxAttempts: 2, firstDelay: "1ms" } })
  .node("extract", gated("extract"))
  .map(
    "split",
    { ...after("extract"), failures: "collect", retry: { maxAttempts: 1 } },
    () => [1, 2, 3],
    (n) => {
      if (n === 2) throw new RangeError("two");
      return n;
    },
  )
  .node("broken", { mayFail: true }, () => {
    throw new TypeError("broken");
  })
  .node("behind", after("broken"), () => 1)
  .node("alarm", after.anyFailed("split"), () => 1)
  .children("doubles", after("split"), double, () => [{ n: 1 }, { n: 2 }])
  .child("wait", after("doubles"), endless, () => ({}))
  .node("last", after("wait"), () => 1);

test("the graph of a flow shows its nodes before it begins, while it runs, and at its end", async () => {
  const { mill, get, graphOf, work } = await started(nightly, double, endless);
  const id = await mill.enqueue("nightly");
  const before = await graphOf(id);
  expect(before).toMatchObject({ run: id, job: "nightly", state: "queued", source: "flow" });
  expect(new Set(Object.values(statesIn(before)))).toEqual(new Set(["pending"]));
  expect(edgesIn(before)).toEqual([
    "extract > split",
    "broken > behind",
    "split > alarm",
    "split > doubles",
    "doubles > wait",
    "wait > last",
  ]);
  const job = (await get("/api/v1/jobs/nightly")).json<{ graph: { nodes: unknown[] } }>();
  expect(job.graph.nodes[4]).toEqual({
    ...{ name: "alarm", kind: "function", job: null, after: ["split"], when: "any failed" },
    ...{ mayFail: false, maxAttempts: 2 },
  });

  await work();
  await until(
    "the broken node has failed",
    async () => statesIn(await graphOf(id))["broken"] === "failed",
  );
  expect(statesIn(await graphOf(id))).toEqual({
    ...{ extract: "running", split: "pending", broken: "failed", behind: "skipped" },
    ...{ alarm: "pending", doubles: "pending", wait: "pending", last: "pending" },
  });
  gates.get("extract")!();
  await until("the run waits for its last child", async () => {
    const graph = await graphOf(id);
    return graph.state === "waiting" && statesIn(graph)["wait"] === "waiting";
  });
  const waiting = await graphOf(id);
  const time = expect.stringMatching(/^\d{4}-/);
  expect(waiting.nodes).toMatchObject([
    { id: "extract", state: "completed", tries: 1, startedAt: time, finishedAt: time, error: null },
    { id: "split", state: "completed", tries: null, items: { total: 3, completed: 2, failed: 1 } },
    { id: "broken", state: "failed", tries: 2, error: { class: "TypeError", message: "broken" } },
    { id: "behind", state: "skipped", because: "broken", startedAt: null },
    { id: "alarm", state: "skipped", because: null },
    {
      ...{ id: "doubles", kind: "children", job: "double", state: "completed" },
      children: { later: 0, open: 0, completed: 2, failed: 0, cancelled: 0 },
    },
    {
      id: "wait",
      state: "waiting",
      finishedAt: null,
      children: { open: 1, runs: [{ state: null }] },
    },
    { id: "last", state: "pending" },
  ]);
  expect(waiting.nodes[5]!.children!.runs).toHaveLength(2);

  const [child] = await mill.rows<{ run_id: string }>(
    "select run_id from millrace.child where name = 'wait'",
  );
  expect(waiting.nodes[6]!.children!.runs[0]!.id).toBe(child!.run_id);
  const written: string[] = [];
  printGraph(new Screen({ write: (text) => written.push(text) }, {}), waiting, Date.now());
  const page = written.join("");
  expect(page).toMatch(/^⧗ Waiting nightly /);
  expect(page).toMatch(/\nsplit +✓ completed +extract +map +– .* 2 of 3 items; 1 failed\n/);
  expect(page).toMatch(/\nbehind +⤼ skipped +broken +function .* because of broken\n/);
  expect(page).toMatch(/\nalarm +⤼ skipped +split \(any failed\) .* its rule was not met\n/);
  const chart = mermaidOf(waiting);
  expect(chart[0]).toBe("flowchart TD");
  expect(chart).toContain('  n2["✕ broken: TypeError: broken"]:::failed');
  expect(chart).toContain("  n0 --> n1");
});

test("the graph of a run is that of the nodes it began with, whatever its job has become", async () => {
  const before = defineFlow({ name: "changing" }).node("a", () => 1);
  const { mill, graphOf, work } = await started(before);
  await work();
  const id = await mill.enqueue("changing");
  await mill.untilState(id, "completed");
  await mill.db.query("update millrace.job set graph = null where name = 'changing'");
  expect(await graphOf(id)).toMatchObject({
    source: "flow",
    nodes: [{ id: "a", state: "completed" }],
  });
});

test("a node that failed with a long message, in any writing, has failed", async () => {
  const writing = Array.from({ length: 9000 }, (_, n) => String.fromCodePoint(0x4e00 + n * 2));
  const { mill, graphOf, work } = await started(
    defineFlow({ name: "wordy", retry: { maxAttempts: 1 } }).node("a", () => {
      throw new Error(writing.join(""));
    }),
  );
  await work();
  const id = await mill.enqueue("wordy");
  await mill.untilState(id, "failed");
  expect((await graphOf(id)).nodes).toMatchObject([
    {
      id: "a",
      state: "failed",
      error: { class: "Error", message: expect.stringMatching(/^一丂丄/) },
    },
  ]);
});

test("a node that had not ended when its run did is cancelled", async () => {
  const { mill, graphOf, work } = await started(
    defineFlow({ name: "halted" })
      .node("a", () => 1)
      .child("b", after("a"), endless, () => ({}))
      .node("c", after("b"), () => 1),
    endless,
  );
  await work();
  const id = await mill.enqueue("halted");
  await mill.untilState(id, "waiting");
  await cancel(mill.db, by("ana"), { runId: id, reason: null });
  expect(statesIn(await graphOf(id))).toEqual({ a: "completed", b: "cancelled", c: "cancelled" });
});

test("the graph of another run has its steps as they came, with their children", async () => {
  const steps = defineJob({
    name: "steps",
    input: z.object({}),
    run: async (_input, { step }) => {
      await step("first", () => 1);
      await step("again", () => 1);
      await step("again", () => 2);
      await step("failed", () => Promise.reject(new RangeError("no"))).catch(() => {});
      await step.call(double, { n: 1 });
      await step.fanOut(endless, [{}, {}]);
    },
  });
  const { mill, graphOf, work } = await started(steps, double, endless);
  await work();
  const id = await mill.enqueue("steps");
  await until(
    "it waits for the last",
    async () => statesIn(await graphOf(id))["endless"] === "waiting",
  );
  const graph = await graphOf(id);
  expect(graph).toMatchObject({ source: "steps", truncated: false });
  expect(edgesIn(graph)).toEqual([
    "first > again",
    "again > again (2)",
    "again (2) > failed",
    "failed > double",
    "double > endless",
  ]);
  expect(graph.nodes.slice(-3)).toMatchObject([
    { id: "failed", state: "failed", error: { class: "RangeError", message: "no" } },
    { id: "double", kind: "call", job: "double", children: { completed: 1 } },
    { id: "endless", kind: "fan-out", job: "endless", children: { open: 2 } },
  ]);
});

test("a step of another job that is named as the graph of a flow is a step", async () => {
  const odd = defineJob({
    name: "odd",
    input: z.object({}),
    run: (_input, { step }) => step("flow graph", () => ({ nodes: 5 })),
  });
  const { mill, graphOf, work } = await started(odd);
  await work();
  const id = await mill.enqueue("odd");
  await mill.untilState(id, "completed");
  expect(await graphOf(id)).toMatchObject({
    source: "steps",
    nodes: [{ id: "flow graph", state: "completed" }],
  });
});

test("a graph has 1,000 steps at the most, the last, and says that there are more", async () => {
  const { mill, graphOf } = await started(double);
  const id = await mill.enqueue("double", { n: 1 });
  await mill.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
     select $1, 'n', n, 'step', n, 1, now() + n * interval '1 s', now() + n * interval '1 s', '1' from generate_series(1, 1500) n`,
    [id],
  );
  const graph = await graphOf(id);
  expect(graph.truncated).toBe(true);
  expect(graph.nodes).toHaveLength(1000);
  expect(graph.nodes[0]!.id).toBe("n (501)");
  expect(graph.edges).toHaveLength(999);
});

test("a handle of the client gives the graph, too", async () => {
  const api = await startApi();
  const client = createClient({ url: api.url, key: API_KEY });
  const run = await client.enqueue("nothing", {});
  expect(await run.graph()).toMatchObject({ run: run.id, job: "nothing", source: "steps" });
  await expect(client.run("01a20bdf-8731-7000-aa19-ea3d12419fea").graph()).rejects.toMatchObject({
    code: "run_not_found",
  });
});

test("a run that is not there has no graph, and one without steps has an empty one", async () => {
  const { mill, graphOf } = await started(double);
  expect(await graphOf("01a20bdf-8731-7000-aa19-ea3d12419fea")).toMatchObject({
    code: "run_not_found",
  });
  const id = await mill.enqueue("double", { n: 1 });
  expect(await graphOf(id)).toMatchObject({ source: "steps", nodes: [], edges: [] });
});
