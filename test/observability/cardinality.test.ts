import { MetricsRegistry, createLogger } from "millrace";
import { expect, test } from "vitest";
import { Observer } from "../../packages/server/src/api/observe.ts";
import { ReapMetrics } from "../../packages/server/src/maintenance/reap-metrics.ts";
import { MAX_NAMES } from "../../packages/server/src/telemetry/metrics.ts";
import { AttemptMetrics } from "../../packages/server/src/worker/attempt-metrics.ts";
import { HttpMetrics } from "../../packages/server/src/worker/http-metrics.ts";
import { WorkerMetrics } from "../../packages/server/src/worker/worker-metrics.ts";
import { startApi } from "../support/api.ts";

const FLOOD = 10_000;

/** Series of a metric by the value of a label. */
function seriesOf(text: string, metric: string, label: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, labels, value] of text.matchAll(
    new RegExp(`^${metric}\\{([^}]*)\\} (\\S+)$`, "gm"),
  )) {
    const name = new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels!)?.[1];
    if (name !== undefined) found.set(name, (found.get(name) ?? 0) + Number(value));
  }
  return found;
}

test("10,000 jobs, errors, hosts and tenants make a bounded number of series, and nothing goes uncounted", async () => {
  const registry = new MetricsRegistry();
  const observer = new Observer(registry, createLogger("silent"));
  const attempts = new AttemptMetrics(registry);
  const { hooks } = new WorkerMetrics(registry);
  const reaped = new ReapMetrics(registry);
  const http = new HttpMetrics(registry, ["https://known.example"]);
  const names = Array.from({ length: FLOOD }, (_, n) => `job-${n}`);
  attempts.expect(names);
  const evidence = { died: "process" } as Parameters<typeof hooks.onCrash>[1];
  for (const [n, job] of names.entries()) {
    const passed = { key: `tenant-${n}`, queue: "default", batch: false };
    observer.accepted(job);
    attempts.claimed({ ms: 1, runs: [{ job, waitedMs: n, passed } as never] });
    attempts.settled({ job, verdict: "fail", error: `Error${n}`, durationMs: n });
    attempts.settled({ job: "one", verdict: "retry", error: `Error${n}`, durationMs: n });
    attempts.held(job);
    hooks.onCrash(job, evidence);
    hooks.onIgnored(job, true);
    reaped.takenBack({ job, state: null });
    http.tried({ host: `host-${n}.example`, outcome: "2xx", ms: n });
    http.opened(`host-${n}.example`);
  }
  http.tried({ host: "known.example", outcome: "2xx", ms: 1 });
  const text = await registry.metrics();
  for (const [metric, label, most] of [
    ["millrace_runs_accepted_total", "job_name", MAX_NAMES + 1],
    ["millrace_run_wait_seconds_count", "job_name", MAX_NAMES + 1],
    ["millrace_attempt_duration_seconds_count", "job_name", MAX_NAMES + 1],
    ["millrace_attempts_total", "job_name", MAX_NAMES + 1],
    ["millrace_attempt_failures_total", "error", MAX_NAMES + 1],
    ["millrace_job_holds_total", "job_name", MAX_NAMES + 1],
    ["millrace_crashes_total", "job_name", MAX_NAMES + 1],
    ["millrace_ignored_signals_total", "job_name", MAX_NAMES + 1],
    ["millrace_attempts_lost_total", "job_name", MAX_NAMES + 1],
    ["millrace_fetch_duration_seconds_count", "host", 102],
    ["millrace_fetch_breaker_openings_total", "host", 102],
  ] as const) {
    const series = seriesOf(text, metric, label);
    expect(series.size, metric).toBeLessThanOrEqual(most);
    expect(series.get("other"), metric).toBeGreaterThan(FLOOD / 2);
    const counted = [...series.values()].reduce((sum, value) => sum + value, 0);
    expect(counted, metric).toBeGreaterThanOrEqual(FLOOD);
  }
  expect(seriesOf(text, "millrace_fetch_duration_seconds_count", "host").get("known.example")).toBe(
    1,
  );
  expect(text).not.toContain("tenant-");
  expect(text.split("\n").length).toBeLessThan(40 * 2 * MAX_NAMES);
});

test("of 10,000 queues 500 have series of their own, those first in which something waits, and the rest are one", async () => {
  const api = await startApi();
  await api.db.query(
    "insert into millrace.queue (name) select 'queue-' || lpad(n::text, 5, '0') from generate_series(1, $1) n",
    [FLOOD],
  );
  await api.db.query(
    `insert into millrace.ready (queue, priority, job, run_ids)
     select 'queue-' || lpad(n::text, 5, '0'), 0, 'nothing', array[gen_random_uuid()] from generate_series(9000, 9999) n`,
  );
  const { body } = await api.call("/metrics");
  const text = body as string;
  const waiting = seriesOf(text, "millrace_queue_runs", "queue");
  expect(waiting.size).toBe(MAX_NAMES + 1);
  expect(waiting.get("queue-09000")).toBe(1);
  expect(waiting.get("other")).toBe(MAX_NAMES);
  expect([...waiting.values()].reduce((sum, runs) => sum + runs)).toBe(1000);
  for (const metric of ["oldest_seconds", "paused", "workers"]) {
    expect(seriesOf(text, `millrace_queue_${metric}`, "queue").size).toBe(MAX_NAMES + 1);
  }
  const wanted = seriesOf(text, "millrace_workers_wanted", "queue");
  expect(wanted.size).toBe(MAX_NAMES + 1);
  expect(wanted.has("other")).toBe(true);
});
