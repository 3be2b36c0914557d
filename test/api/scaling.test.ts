import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";

test("what waits wants workers, by JSON and as a metric, and a paused queue wants none", async () => {
  const api = await startApi();
  for (const name of ["Ada", "Grace"]) {
    await api.call("/api/v1/runs", { json: { job: "greet", input: { name } } });
  }
  const all = await api.call("/api/v1/scaling");
  expect(all.status).toBe(200);
  expect(all.body.workersWanted).toBe(1);
  const [queue] = all.body.queues.filter((each: { waiting: number }) => each.waiting > 0);
  expect(queue).toMatchObject({ waiting: 2, running: 0, workers: 0, slots: 20, wanted: 1 });
  expect((await api.call("/metrics")).body).toContain(
    `millrace_workers_wanted{queue="${queue.name}"} 1\n`,
  );
  const other = await api.call("/api/v1/scaling?queues=nobody");
  expect(other.body).toEqual({ workersWanted: 0, queues: [] });

  await api.db.query("update millrace.queue set paused_at = now(), paused_by = 'test'");
  const fresh = await startApi();
  expect((await fresh.call("/api/v1/scaling")).body.workersWanted).toBe(0);
});
