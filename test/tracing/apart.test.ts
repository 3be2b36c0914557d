import { expect, test } from "vitest";
import { receivingServer } from "../support/receiving-server.ts";
import { startCollector } from "./collector.ts";
import { orphans, picture } from "./picture.ts";
import { startPlatform } from "./platform.ts";

test("handlers in threads and processes are in the trace of their runs, with what libraries of theirs trace", async () => {
  const collector = await startCollector();
  const shop = await receivingServer((response) => response.writeHead(200).end("there"));
  const platform = await startPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    MILLRACE_ALLOWED_HOSTS: shop.host,
  });
  const places = ["in-thread", "in-process"];
  const traces = new Map<string, string>();
  for (const job of places) {
    // The second finds a thread, or a process, that is warm.
    for (let n = 0; n < 2; n++) {
      const input = { shop: `http://${shop.host}` };
      const { body } = await platform.call("/api/v1/runs", { job, input });
      const run = await platform.ended(String(body["id"]));
      expect(run).toMatchObject({ state: "completed", output: 200 });
      traces.set((run["trace"] as { id: string }).id, job);
    }
  }
  await platform.stop();
  expect(traces.size).toBe(4);
  for (const [id, job] of traces) {
    const spans = collector.spans.filter(({ traceId }) => traceId === id);
    expect(picture(spans)).toBe(`\
POST /api/v1/runs (server)
  enqueue ${job} (producer)
    process ${job} (consumer, attempt 1)
      look something up (internal)
        step ask (internal)
          GET (client)`);
    expect(orphans(spans)).toEqual([]);
    const library = spans.find(({ name }) => name === "look something up")!;
    expect(library).toMatchObject({ attributes: { "library.rows": 3 }, scope: "some-library" });
    expect(library.resource["service.name"]).toBe("millrace");
    const line = platform.worker.output
      .split("\n")
      .find((one) => one.includes('"apart"') && one.includes(id));
    expect(line, "its line of the log has the trace").toBeDefined();
  }
  const called = shop.received.map(({ headers }) => headers["traceparent"]);
  const got = collector.spans.filter(({ name }) => name === "GET");
  expect(new Set(called)).toEqual(
    new Set(got.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)),
  );
});
