import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
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

test("where nothing that begins here is recorded, a retry of a run that SQL asked for is not, either", async () => {
  const collector = await startCollector();
  const platform = await startPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: "parentbased_always_off",
  });
  const client = new pg.Client({ connectionString: platform.env["DATABASE_URL"]! });
  await client.connect();
  const { rows } = await client.query<{ id: string }>("select millrace.enqueue('shaky') as id");
  await client.end();
  expect(await platform.ended(rows[0]!.id)).toMatchObject({
    state: "completed",
    attempts: [{ outcome: "failed" }, { outcome: "completed" }],
  });
  // What a caller has recorded is sent, so spans would be.
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { body } = await platform.call("/api/v1/runs", { job: "shaky" }, { traceparent });
  await platform.ended(String(body["id"]));
  await platform.stop();
  const runs = collector.spans
    .filter(({ name }) => name === "process shaky")
    .map(({ attributes }) => attributes["millrace.run_id"]);
  expect(runs).toEqual([body["id"], body["id"]]);
});
