import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { defineFlow, defineJob } from "@millrace/sdk";
import { AllowedHosts, HttpClient, OutboundGuard } from "@millrace/sdk/http";
import { Masks, MetricsRegistry, createLogger } from "millrace";
import { describe, expect, test } from "vitest";
import { HttpMetrics } from "../../packages/server/src/worker/http-metrics.ts";
import { Mill } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { leasesOn, storeSecret } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const FILE = join(import.meta.dirname, "jobs/fetch.job.ts");

const canary = () => `canary-${randomBytes(12).toString("hex")}`;

/** The server that is called: it says what it got, or what the path asks for. */
function other() {
  return receivingServer((response, { headers, path, body }) => {
    if (path.startsWith("/silent")) return;
    if (path.startsWith("/gone")) return response.writeHead(410).end("it is gone");
    if (path.startsWith("/large")) return response.end("x".repeat(9 * 1024 * 1024));
    if (path.startsWith("/echo")) return response.end(Buffer.from(body, "utf8"));
    if (path.startsWith("/token")) return response.end(String(headers.authorization?.length));
    return response.end(body);
  });
}

async function millWith(mill: Mill, { allowed, bound }: { allowed: string[]; bound?: string[] }) {
  const keys = secretKeys();
  const value = canary();
  const hosts = bound ?? allowed;
  await storeSecret(mill.db, keys, "CRM_TOKEN", value, "all", hosts);
  const lines: string[] = [];
  const secrets = leasesOn(mill.db, keys);
  const logger = createLogger(
    "debug",
    { write: (line: string) => void lines.push(line) },
    secrets.masks.mask,
  );
  const http = new HttpClient({ guard: new OutboundGuard(new AllowedHosts(allowed)) });
  await mill.startWorker({ secrets, logger, http });
  await mill.startDispatcher();
  return { value, lines };
}

const calledOf = (mill: Mill, id: string) =>
  mill
    .rows<{ detail: Record<string, unknown> }>(
      "select detail from millrace.timeline where run_id = $1 and event = 'called' order by at",
      [id],
    )
    .then((rows) => rows.map(({ detail }) => detail));

const errorOf = async (mill: Mill, id: string) => {
  const rows = await mill.rows<{ class: string; message: string }>(
    "select error_class as class, error_message as message from millrace.attempt where run_id = $1 order by number desc limit 1",
    [id],
  );
  return rows[0]!;
};

/** Every row of every table, as text. */
async function everything(mill: Mill): Promise<string> {
  const tables = await mill.rows<{ name: string }>(
    "select c.oid::regclass::text as name from pg_class c where relnamespace = 'millrace'::regnamespace and relkind = 'r'",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await mill.rows<{ text: string }>(`select t::text as text from ${name} t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join("\n");
}

describe.each(["inline", "thread", "process"])("a handler that runs %s", (place) => {
  const job = `fetch-${place}`;

  test("calls others, gets bytes as they were, and the timeline has each call without its query", async () => {
    const there = await other();
    const mill = await Mill.load(FILE);
    await millWith(mill, { allowed: [there.host] });
    const url = `http://${there.host}/contacts`;
    const plain = await mill.enqueue(job, { way: "plain", url });
    expect(await mill.untilState(plain, "completed")).toMatchObject({
      output: [200, true, '{"a":1}'],
    });
    expect(await calledOf(mill, plain)).toEqual([
      {
        ...{ attempt: 1, method: "POST", host: there.host, path: "/contacts" },
        ...{ status: 200, tries: 1, ms: expect.any(Number) as number },
      },
    ]);
    expect(there.received[0]!.headers["traceparent"]).toContain(plain.replaceAll("-", ""));
    const bytes = await mill.enqueue(job, { way: "bytes", url });
    // The server took them for UTF-8.
    const asText = [...Buffer.from(Buffer.from([0, 255, 128, 10]).toString("utf8"))];
    expect(await mill.untilState(bytes, "completed")).toMatchObject({ output: asText });
  });

  test("fails with an HttpError that rules of its job know, and is led to no inner address", async () => {
    const there = await other();
    const mill = await Mill.load(FILE);
    await millWith(mill, { allowed: [there.host] });
    const gone = await mill.enqueue(job, { way: "failing", url: `http://${there.host}/gone?a` });
    expect(await mill.untilState(gone, "failed")).toMatchObject({ attempts: 1 });
    expect(await errorOf(mill, gone)).toEqual({
      class: "HttpError",
      message: `GET ${there.host}/gone answered 410`,
    });
    expect(await calledOf(mill, gone)).toMatchObject([{ status: 410, error: "answered 410" }]);
    const inner = await mill.enqueue(job, { way: "inner", url: "" });
    expect(await mill.untilState(inner, "failed")).toMatchObject({ attempts: 1 });
    expect((await errorOf(mill, inner)).message).toContain("not public");
    expect(await calledOf(mill, inner)).toMatchObject([{ error: "blocked_destination", tries: 0 }]);
  });

  test("may give up a call, and one that it is left in ends nothing", async () => {
    const there = await other();
    const mill = await Mill.load(FILE);
    await millWith(mill, { allowed: [there.host] });
    const url = `http://${there.host}/silent`;
    const dropped = await mill.enqueue(job, { way: "dropped", url });
    expect(await mill.untilState(dropped, "completed")).toMatchObject({ output: "given up" });
    expect(await calledOf(mill, dropped)).toMatchObject([{ error: "aborted" }]);
    // It waits for no call when it sleeps, as it waits for nothing else outside of steps.
    const left = await mill.enqueue(job, { way: "left", url });
    await passSleeps(mill, left);
    expect(await mill.untilState(left, "completed")).toMatchObject({ output: 0, attempts: 2 });
  });

  test("S5: sends a secret to its hosts and nowhere else, and has it nowhere", async () => {
    const there = await other();
    const elsewhere = await other();
    const mill = await Mill.load(FILE);
    const { value, lines } = await millWith(mill, {
      allowed: [there.host, elsewhere.host],
      bound: [there.host],
    });
    const good = await mill.enqueue(job, { way: "token", url: `http://${there.host}/token` });
    const { output } = await mill.untilState(good, "completed");
    expect(output).toBe(String(`Bearer ${value}`.length));
    expect(there.received[0]!.headers.authorization).toBe(`Bearer ${value}`);
    const bad = await mill.enqueue(job, { way: "token", url: `http://${elsewhere.host}/token` });
    expect(await mill.untilState(bad, "failed")).toMatchObject({ attempts: 1 });
    expect((await errorOf(mill, bad)).message).toContain("is bound to");
    expect(elsewhere.connections).toBe(0);
    const told = await mill.enqueue(job, { way: "tell", url: "" });
    expect(await mill.untilState(told, "completed")).toMatchObject({
      output: [["name", "CRM_TOKEN"]],
    });
    for (const way of ["record", "text"]) {
      const id = await mill.enqueue(job, { way, url: "" });
      expect(await mill.untilState(id, "failed"), way).toMatchObject({ output: null });
    }
    const all = `${await everything(mill)}\n${lines.join("")}`;
    expect(Masks.of({ CANARY: value }).mask(all)).not.toContain("[secret CANARY]");
  });
});

test("an answer that is too large to cross says so, and is no matter inline", async () => {
  const there = await other();
  const mill = await Mill.load(FILE);
  await millWith(mill, { allowed: [there.host] });
  const input = { way: "large", url: `http://${there.host}/large` };
  const inline = await mill.enqueue("fetch-inline", input);
  const isolated = await mill.enqueue("fetch-thread", input);
  expect(await mill.untilState(inline, "completed")).toMatchObject({ output: 9 * 1024 * 1024 });
  expect(await mill.untilState(isolated, "failed")).toMatchObject({ attempts: 1 });
  expect((await errorOf(mill, isolated)).message).toContain("more than the 8 MiB");
});

test("of a loop of calls a hundred are on record", async () => {
  const there = await other();
  const mill = await Mill.load(FILE);
  await millWith(mill, { allowed: [there.host] });
  const id = await mill.enqueue("fetch-inline", { way: "many", url: `http://${there.host}/` });
  await mill.untilState(id, "completed");
  expect(await calledOf(mill, id)).toHaveLength(100);
  expect(there.received).toHaveLength(120);
});

test("a call that is under way when its run is cancelled ends with it", async () => {
  const there = await other();
  const slow = defineJob({
    name: "slow",
    hosts: [`http://${there.host}`],
    run: (_input, { fetch }) => fetch(`http://${there.host}/silent`),
  });
  const mill = await Mill.create(slow);
  const worker = await mill.startWorker();
  const id = await mill.enqueue("slow");
  await until("it is called", async () => there.received.length > 0);
  worker.hurry();
  await until("it is handed back", async () => (await calledOf(mill, id)).length > 0);
  expect(await calledOf(mill, id)).toMatchObject([{ error: "aborted" }]);
});

test("the runs of a batch, the nodes of a flow and compensations call others, too", async () => {
  const there = await other();
  const hosts = [`http://${there.host}`];
  const url = `http://${there.host}/x`;
  const batch = defineJob({
    name: "batch",
    hosts,
    batch: { size: 2, wait: "1s" },
    run: async (inputs, { fetch }) => {
      const { status } = await fetch(url);
      return inputs.map(() => status);
    },
  });
  const flow = defineFlow({ name: "flow", hosts }).node(
    "one",
    async (_needs, { fetch }) => (await fetch(url)).status,
  );
  const trip = defineJob({
    name: "trip",
    hosts,
    retry: { maxAttempts: 1 },
    run: async (_input, { step, fetch }) => {
      const saga = step.saga();
      await saga.step(
        "seat",
        () => 1,
        async () => void (await fetch(`${url}/undo`)),
      );
      throw new Error("no seat");
    },
  });
  const mill = await Mill.create(batch, flow, trip);
  await mill.startWorker();
  await mill.startDispatcher();
  const ids = [await mill.enqueue("batch"), await mill.enqueue("batch")];
  for (const id of ids) {
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 200 });
    expect(await calledOf(mill, id)).toHaveLength(1);
  }
  expect(await mill.untilState(await mill.enqueue("flow"), "completed")).toMatchObject({
    output: { one: 200 },
  });
  await mill.untilState(await mill.enqueue("trip"), "failed");
  expect(there.received.map(({ path }) => path)).toContain("/x/undo");
});

test("hosts of which there are very many share a label, but not those that jobs name", async () => {
  const registry = new MetricsRegistry();
  const metrics = new HttpMetrics(registry, ["https://named.example"]);
  for (let n = 0; n < 300; n++) {
    metrics.tried({ host: `${n}.example`, outcome: "2xx", ms: 3 });
  }
  metrics.tried({ host: "named.example", outcome: "5xx", ms: 3 });
  metrics.opened("named.example");
  const text = await registry.metrics();
  const counts = text
    .split("\n")
    .filter((line) => line.startsWith("millrace_fetch_duration_seconds_count"));
  expect(counts).toHaveLength(102);
  expect(text).toContain('millrace_fetch_duration_seconds_count{host="other",outcome="2xx"} 200');
  expect(text).toContain(
    'millrace_fetch_duration_seconds_count{host="named.example",outcome="5xx"} 1',
  );
  expect(text).toContain('millrace_fetch_breaker_openings_total{host="named.example"} 1');
});
