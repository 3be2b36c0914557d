import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { receivingServer } from "../support/receiving-server.ts";
import { startCollector } from "./collector.ts";
import { orphans, picture } from "./picture.ts";
import { startPlatform } from "./platform.ts";

/** In inputs, in a secret, in a query string. */
const PAYLOAD = "canary-of-the-payload";
const SECRET = "canary-of-the-secret";
const HEADER = "canary-of-the-header";

const CALLER = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

/** docs/tracing.md has it as well. */
const PICTURE = `\
POST /api/v1/runs (server)
  enqueue order (producer)
    process order (consumer, attempt 1, waits)
      step reserve (internal)
        GET (client)
      call receipt (producer, left)
        process receipt (consumer, attempt 1)
          step print (internal)
    process order (consumer, attempt 2, error Error)
      call receipt (producer)
      step charge (internal, error Error)
~ linked to enqueue order (producer) and process order (consumer, attempt 1, waits)
process order (consumer, attempt 3)
  step charge (internal)`;

test("the page about tracing has the picture", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/tracing.md"), "utf8");
  expect(page).toContain(PICTURE.replaceAll(/^/gm, "    "));
});

test("a call over HTTP, a workflow of three steps with a retry, its child and what it calls are one picture, in which nothing is orphaned", async () => {
  const collector = await startCollector();
  const shop = await receivingServer((response) => response.writeHead(200).end("there"));
  const platform = await startPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-token=${HEADER}`,
    OTEL_SERVICE_NAME: "shop",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=trial",
    MILLRACE_TRACE_URL: "https://traces.example.com/trace/{traceId}",
    MILLRACE_ALLOWED_HOSTS: shop.host,
  });
  const { call, ended, cli } = platform;
  const set = await cli(["secrets", "set", "CARD_TOKEN", "--job", "order"], `${SECRET}\n`);
  expect(set.code, set.stderr).toBe(0);

  const { traceId, spanId } = CALLER;
  const asked = await call(
    "/api/v1/runs",
    { job: "order", input: { order: PAYLOAD, name: "tea", shop: `http://${shop.host}` } },
    { traceparent: `00-${traceId}-${spanId}-01`, tracestate: "vendor=opaque" },
  );
  expect(asked.status, JSON.stringify(asked.body)).toBe(201);
  const id = String(asked.body["id"]);
  const run = await ended(id);
  expect(run).toMatchObject({ state: "completed", output: { reserved: 200 }, failures: 1 });
  expect(run["trace"]).toEqual({
    id: traceId,
    url: `https://traces.example.com/trace/${traceId}`,
  });
  const shown = await cli(["run", "show", id]);
  expect(shown.stdout).toContain(`trace       https://traces.example.com/trace/${traceId}`);

  // Whoever was called is told of the span that called it.
  const [reserved] = shop.received;
  await platform.stop();
  const { spans } = collector;
  const got = spans.find(({ name }) => name === "GET")!;
  expect(reserved!.headers).toMatchObject({
    traceparent: `00-${traceId}-${got.spanId}-01`,
    tracestate: "vendor=opaque",
  });

  const ofRun = spans.filter(
    ({ traceId: trace, attributes }) => trace === traceId || attributes["millrace.run_id"] === id,
  );
  const retry = ofRun.find(({ attributes }) => attributes["millrace.attempt"] === 3)!;
  const story = spans.filter(({ traceId: trace }) => [traceId, retry.traceId].includes(trace));
  expect(picture(story)).toBe(PICTURE);
  expect(retry.traceId).not.toBe(traceId);
  expect(orphans(story, [spanId])).toEqual([]);
  for (const span of story) expect(span.end).toBeGreaterThanOrEqual(span.start);
  expect(story.every(({ state }) => state === "vendor=opaque" || state === "")).toBe(true);

  expect(story.find(({ name }) => name === "enqueue order")!.attributes).toEqual({
    "messaging.system": "millrace",
    "messaging.operation.name": "enqueue",
    "messaging.operation.type": "send",
    "messaging.destination.name": "default",
    "messaging.message.id": id,
    "millrace.job": "order",
    "millrace.queue": "default",
    "millrace.run_id": id,
  });
  expect(retry.attributes).toMatchObject({
    "messaging.operation.type": "process",
    "millrace.outcome": "completed",
    "millrace.run_id": id,
    "millrace.trigger": "api",
  });
  const failed = story.find(
    ({ attributes }) =>
      attributes["millrace.attempt"] === 2 && attributes["millrace.outcome"] === "failed",
  )!;
  expect(failed.status).toEqual({ code: 2, message: "the bank refused [secret CARD_TOKEN]" });
  expect(got.attributes).toMatchObject({
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "server.address": "127.0.0.1",
    "server.port": Number(shop.host.split(":")[1]),
  });
  expect(story[0]!.resource).toMatchObject({
    "service.name": "shop",
    "deployment.environment.name": "trial",
  });

  expect(collector.headers.every((headers) => headers["x-token"] === HEADER)).toBe(true);
  const sent = Buffer.concat(collector.bodies).toString("latin1");
  expect(sent).toContain("process order");
  for (const canary of [PAYLOAD, SECRET, HEADER, "token="]) expect(sent).not.toContain(canary);
  const said = platform.worker.output;
  for (const canary of [SECRET, HEADER]) expect(said).not.toContain(canary);
  // What the handler logs, and what the worker says of the attempt that failed.
  // One that names it among others, as what ran when the event loop was blocked, is of no trace.
  const lines = said
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { run?: string; trace_id?: string; msg: string })
    .filter(({ run }) => run === id);
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect([traceId, retry.traceId], line.msg).toContain(line.trace_id);
});
