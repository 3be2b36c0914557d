import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

test("metrics count requests by route, runs by job, and runs by where they stand", async () => {
  const api = await startApi();
  await api.call("/api/v1/runs", {
    json: { job: "greet", input: { name: "Ada" } },
    headers: { "idempotency-key": "one" },
  });
  await api.call("/api/v1/runs", {
    json: { job: "greet", input: { name: "Ada" } },
    headers: { "idempotency-key": "one" },
  });
  await api.call("/automations", { json: { job_type: "any/thing", payload: 1 } });
  await api.call("/api/v1/runs", { json: { job: "nothing", delay: "1h" } });
  for (const path of ["/nothing", "/nothing-either"]) await api.call(path);
  await api.call("/metrics", { key: null });

  expect((await api.call("/metrics", { key: null })).status).toBe(401);
  // What has been answered is counted a moment after its last byte.
  const metrics = await until("all requests are counted", async () => {
    const answer = await api.call("/metrics");
    return answer.body.includes('route="/metrics",status="401"} 2') && answer;
  });
  expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  for (const line of [
    'millrace_runs_accepted_total{job_name="greet"} 1',
    'millrace_runs_accepted_total{job_name="any/thing"} 1',
    'millrace_http_requests_total{method="POST",route="/api/v1/runs",status="201"} 3',
    'millrace_http_requests_total{method="any",route="unmatched",status="404"} 2',
    'millrace_http_request_duration_seconds_count{method="POST",route="/automations"} 1',
    "millrace_database_up 1",
    "millrace_runs_queued 2",
    "millrace_runs_scheduled 1",
    "millrace_runs_running 0",
    'millrace_runs_not_due{reason="delay"} 1',
    'millrace_runs_not_due{reason="retry"} 0',
    'millrace_runs_not_due{reason="wait"} 0',
    "millrace_dead_letters 0",
  ]) {
    expect(metrics.body.split("\n")).toContain(line);
  }
  expect(metrics.body).toMatch(/^millrace_oldest_ready_seconds \d/m);
});

test("the log is quiet when all is well, and tells of what is not under the request's id", async () => {
  const api = await startApi({ health: () => Promise.reject(new Error("secret of the check")) });
  const headers = { "x-request-id": "req-1" };
  await api.call("/api/v1/runs?limit=1", { headers });
  await api.call("/api/v1/runs?limit=0", { headers });
  await api.db.query("drop table millrace.job cascade");
  const broken = await api.call("/api/v1/jobs", { headers });
  expect(broken.status).toBe(500);
  expect(broken.body.detail).not.toMatch(/millrace|relation/);

  const lines = await until("three lines", () => {
    const found = api.lines.filter((line) => line.msg === "request");
    return found.length === 3 && found;
  });
  const path = "/api/v1/runs";
  expect(lines).toMatchObject([
    {
      level: "debug",
      requestId: "req-1",
      method: "GET",
      path,
      status: 200,
      ms: expect.any(Number),
    },
    { level: "info", requestId: "req-1", path, status: 400, code: "invalid_request" },
    {
      level: "error",
      path: "/api/v1/jobs",
      status: 500,
      code: "internal",
      err: { message: expect.stringContaining('"millrace.job" does not exist') },
    },
  ]);
  const health = await api.call("/healthz", { key: null });
  expect([health.status, health.body]).toEqual([
    503,
    { status: "failing", checks: { health: "could not be found out" } },
  ]);
});
