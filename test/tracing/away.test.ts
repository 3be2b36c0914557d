import { expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { startCollector } from "./collector.ts";
import { startPlatform } from "./platform.ts";

const ASKED = { job: "receipt", input: { order: "1", name: "tea" } };

test("who collects traces may be unwell: runs go on, it is said once, spans are counted, and sent when they can be", async () => {
  const collector = await startCollector();
  // An answer after which nobody tries again.
  collector.status = 400;
  const platform = await startPlatform({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  const metric = async (name: string) => {
    const { body } = await scrape(platform.address, platform.env["MILLRACE_API_KEY"]!);
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(body)?.[1] ?? 0);
  };
  const failed = String.raw`millrace_trace_spans_dropped_total\{reason="export_failed"\}`;
  for (let n = 1; n <= 3; n++) {
    const { body } = await platform.call("/api/v1/runs", ASKED);
    expect(await platform.ended(String(body["id"]))).toMatchObject({ state: "completed" });
    await until(`batch ${n} was refused`, async () => (await metric(failed)) >= n);
  }
  const lines = () =>
    platform.api.output.split("\n").filter((line) => /traces (cannot|are)/.test(line));
  expect(lines()).toHaveLength(1);
  expect(collector.spans).toEqual([]);

  collector.status = 200;
  await platform.call("/api/v1/runs", ASKED);
  await until("spans are there", () => collector.spans.some(({ kind }) => kind === "producer"));
  await until("it is said", () => lines().length === 2);
  expect(lines()[1]).toContain("traces are exported again");
  await until("they are counted", () => metric("millrace_trace_spans_exported_total"));
});

test("a process that ends does not wait for long for who is not there", async () => {
  // Nobody listens.
  const platform = await startPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
  });
  const { body } = await platform.call("/api/v1/runs", ASKED);
  await platform.ended(String(body["id"]));
  await platform.stop();
  for (const child of [platform.api, platform.worker]) {
    expect((await child.exited).code).toBe(0);
    expect(child.output).not.toContain("did not end within");
  }
});

async function scrape(address: string, key: string): Promise<{ body: string }> {
  const answer = await fetch(`${address}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  return { body: await answer.text() };
}
