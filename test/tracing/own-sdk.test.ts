import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { startCollector } from "./collector.ts";
import { orphans, picture } from "./picture.ts";
import { startPlatform } from "./platform.ts";

test("an SDK that the code of jobs has brought records the spans of its worker, and where they go is its own business", async () => {
  const [ours, theirs] = [await startCollector(), await startCollector()];
  const platform = await startPlatform(
    { OTEL_EXPORTER_OTLP_ENDPOINT: ours.url, OWN_COLLECTOR: `${theirs.url}/v1/traces` },
    join(import.meta.dirname, "own-sdk"),
  );
  const { body } = await platform.call("/api/v1/runs", { job: "own" });
  await platform.ended(String(body["id"]));
  await until("the attempt was sent", () => theirs.spans.some(({ kind }) => kind === "consumer"));
  await platform.stop();
  expect(platform.worker.output).toContain("has brought an SDK of OpenTelemetry");
  expect(theirs.spans.every(({ resource }) => resource["service.name"] === "brought along")).toBe(
    true,
  );
  const { traceId } = theirs.spans[0]!;
  const all = [...ours.spans, ...theirs.spans].filter((span) => span.traceId === traceId);
  expect(orphans(all)).toEqual([]);
  expect(picture(all)).toBe(`\
POST /api/v1/runs (server)
  enqueue own (producer)
    process own (consumer, attempt 1)
      step work (internal)
        inner (internal)`);
});
