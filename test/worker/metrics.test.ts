import { randomUUID } from "node:crypto";
import { defineJob } from "@millrace/sdk";
import { Intake, MetricsRegistry, createLogger } from "millrace";
import { expect, test } from "vitest";
import { AttemptMetrics } from "../../packages/server/src/worker/attempt-metrics.ts";
import { NO_LEASE, Settler } from "../../packages/server/src/worker/settler.ts";
import { WorkerMetrics } from "../../packages/server/src/worker/worker-metrics.ts";
import { ReapMetrics } from "../../packages/server/src/maintenance/reap-metrics.ts";
import { IntakeMetrics } from "../../packages/server/src/engine/intake-metrics.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

/** Starts a worker that counts; the answer tells the series of which a line is about. */
async function counting(mill: Mill): Promise<(about: string) => Promise<Record<string, number>>> {
  const registry = new MetricsRegistry();
  const { claimed, settled, recorded, superseded } = new AttemptMetrics(registry);
  const metrics = new WorkerMetrics(registry);
  const hooks = {
    ...{ onClaim: claimed, onSettled: settled },
    ...{ onRecorded: recorded, onSuperseded: superseded },
  };
  metrics.watch(await mill.startWorker(hooks));
  return (about) => seriesOf(registry, about);
}

async function seriesOf(registry: MetricsRegistry, about: string): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split("\n").filter((line) => line.startsWith(about));
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end))];
    }),
  );
}

test("a worker counts how long runs could have started before it claimed them, through the gate or not", async () => {
  const mill = await Mill.create(
    defineJob({ name: "plain", run: () => null }),
    defineJob({ name: "gated", concurrency: { limit: 5 }, run: () => null }),
  );
  const runs = [
    await mill.enqueue("plain"),
    await mill.enqueue("gated"),
    await mill.enqueue("plain"),
  ];
  // The first two could have an hour ago.
  await mill.rows(
    "update millrace.ready set since = since - interval '1 hour' where run_ids && $1",
    [runs.slice(0, 2)],
  );
  const counted = await counting(mill);
  for (const run of runs) await mill.untilState(run, "completed");
  for (const [job, all] of [
    ["plain", 2],
    ["gated", 1],
  ] as const) {
    const waits = await counted("millrace_run_wait_seconds");
    const of = `{job_name="${job}"`;
    expect(waits[`millrace_run_wait_seconds_count${of}}`]).toBe(all);
    expect(waits[`millrace_run_wait_seconds_bucket${of},le="900"}`]).toBe(all - 1);
  }
  expect(await counted("millrace_worker_slots")).toEqual({
    'millrace_worker_slots{state="busy"}': 0,
    'millrace_worker_slots{state="free"}': 10,
  });
});

test("failures are counted by the class of their error, and by what comes then", async () => {
  class NoSuchBank extends Error {
    override name = "NoSuchBank";
  }
  const mill = await Mill.create(
    defineJob({
      name: "broken",
      retry: { maxAttempts: 3, firstDelay: "1ms" },
      run: () => Promise.reject(new NoSuchBank("no bank")),
    }),
  );
  await mill.startDispatcher();
  const counted = await counting(mill);
  await mill.untilState(await mill.enqueue("broken"), "failed");
  // What is on record is counted when the worker hears of it.
  await expect
    .poll(async () => (await counted("millrace_recorded_runs"))["millrace_recorded_runs_sum"])
    .toBe(3);
  await expect
    .poll(() => counted("millrace_attempt_failures_total"))
    .toEqual({
      'millrace_attempt_failures_total{job_name="broken",error="NoSuchBank",next="retry"}': 2,
      'millrace_attempt_failures_total{job_name="broken",error="NoSuchBank",next="dead_letter"}': 1,
    });
});

test("the outcome of a self-test is no run's, also where it is recorded with those of runs", async () => {
  const mill = await Mill.create();
  const recorded: number[] = [];
  const logger = createLogger("silent");
  const settler = new Settler(
    mill.db,
    1,
    logger,
    () => {},
    (_ms, runs) => recorded.push(runs),
  );
  const outcome = { runId: randomUUID(), attempt: 1, verdict: "complete", output: "1" } as const;
  await Promise.all(
    [NO_LEASE, 7, 8, NO_LEASE].map((leaseId) => settler.add({ ...outcome, leaseId, place: 0 })),
  );
  expect(recorded.reduce((sum, runs) => sum + runs)).toBe(2);
});

test("an attempt whose lease was lost meanwhile is counted as superseded, and not as ended", async () => {
  const [begun, end] = [signal(), signal()];
  const mill = await Mill.create(
    defineJob({
      name: "slow",
      run: () => {
        begun.fire();
        return end.promise;
      },
    }),
  );
  const counted = await counting(mill);
  await mill.enqueue("slow");
  await begun.promise;
  await mill.rows("delete from millrace.lease");
  end.fire();
  await until("it is counted", async () => {
    const series = await counted("millrace_attempts_superseded_total{");
    return series['millrace_attempts_superseded_total{job_name="slow"}'] === 1;
  });
  expect(await counted("millrace_attempts_total")).toEqual({});
});

test("what comes in is counted by batches: how long they took, and how many new runs they made", async () => {
  const mill = await Mill.create(defineJob({ name: "plain", run: () => null }));
  const registry = new MetricsRegistry();
  const { sent } = new IntakeMetrics(registry);
  const intake = new Intake(mill.db, mill.registry, () => {}, undefined, sent);
  const request = { job: "plain", trigger: "api", idempotencyKey: "once" } as const;
  await intake.acceptMany([request, { ...request, idempotencyKey: "twice" }]);
  await intake.accept(request);
  expect(await seriesOf(registry, "millrace_enqueue")).toMatchObject({
    millrace_enqueued_runs_count: 2,
    millrace_enqueued_runs_sum: 2,
    'millrace_enqueued_runs_bucket{le="1"}': 1,
    millrace_enqueue_duration_seconds_count: 2,
  });
});

test("however many jobs and errors there are, the series are bounded, and nothing goes uncounted", async () => {
  const registry = new MetricsRegistry();
  const metrics = new AttemptMetrics(registry);
  for (let n = 0; n < 10_000; n++) {
    const [job, error] = [`job-${n}`, `Error${n % 7}`];
    metrics.settled({ job, verdict: "fail", error, durationMs: n });
  }
  for (const name of ["millrace_attempts_total", "millrace_attempt_failures_total"]) {
    const counts = Object.values(await seriesOf(registry, name));
    expect(counts.length).toBeLessThanOrEqual(501);
    expect(counts.reduce((sum, count) => sum + count)).toBe(10_000);
  }
});

test("the reaper counts workers that it has declared lost, and what became of their runs", async () => {
  const registry = new MetricsRegistry();
  const metrics = new ReapMetrics(registry);
  metrics.lost();
  for (const state of [null, null, "failed", "cancelled"]) metrics.takenBack({ job: "any", state });
  expect(await seriesOf(registry, "millrace_workers_lost_total")).toEqual({
    millrace_workers_lost_total: 1,
  });
  expect(await seriesOf(registry, "millrace_attempts_lost_total")).toEqual({
    'millrace_attempts_lost_total{job_name="any",next="retry"}': 2,
    'millrace_attempts_lost_total{job_name="any",next="dead_letter"}': 1,
    'millrace_attempts_lost_total{job_name="any",next="cancelled"}': 1,
  });
});
