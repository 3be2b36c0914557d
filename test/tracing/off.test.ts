import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startCollector } from "./collector.ts";
import { startPlatform } from "./platform.ts";

const PRELOAD = join(import.meta.dirname, "loaded.cjs");

/** What API, scheduler and worker have loaded of OpenTelemetry when they end, after a run. */
async function loadedBy(env: Record<string, string>): Promise<string[][]> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-loaded-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const into = join(folder, "loaded");
  const platform = await startPlatform({
    ...env,
    LOADED_INTO: into,
    NODE_OPTIONS: `--require ${PRELOAD}`,
  });
  const { body } = await platform.call(
    "/api/v1/runs",
    { job: "receipt", input: { order: "1", name: "tea" } },
    { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  );
  const run = await platform.ended(String(body["id"]));
  expect(run["trace"] === null).toBe(env["OTEL_EXPORTER_OTLP_ENDPOINT"] === undefined);
  await platform.stop();
  return [platform.api, platform.scheduler, platform.worker].map(
    ({ pid }) => JSON.parse(readFileSync(`${into}-${pid}`, "utf8")) as string[],
  );
}

test("where no endpoint is set, no process loads more of OpenTelemetry than its API, and runs carry no trace", async () => {
  const api = ["@opentelemetry/api"];
  expect(await loadedBy({})).toEqual([api, api, api]);
});

test("where one is set, all of them load what records and sends", async () => {
  const { url } = await startCollector();
  const all = await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
  for (const loaded of all) {
    expect(loaded).toEqual(
      expect.arrayContaining([
        "@opentelemetry/context-async-hooks",
        "@opentelemetry/exporter-trace-otlp-proto",
        "@opentelemetry/sdk-trace",
      ]),
    );
  }
});
