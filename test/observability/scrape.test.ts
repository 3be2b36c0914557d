import { JobRegistry, MetricsRegistry, openDatabase } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { measurePlaces } from "../../packages/server/src/api/measure-places.ts";
import { measureQueues } from "../../packages/server/src/api/measure-queues.ts";
import { measureScaling } from "../../packages/server/src/api/routes/scaling.ts";
import { LoadMeter } from "../../packages/server/src/engine/load-meter.ts";
import { measureHealth } from "../../packages/server/src/maintenance/health-metrics.ts";
import { FaultProxy } from "../faults/harness/fault-proxy.ts";
import { JOBS } from "../support/api.ts";
import { lendDatabase } from "../support/lent-database.ts";

test("a scrape waits for the database a few times in all, however many statements it takes", async () => {
  const { url, db: beside } = await lendDatabase();
  await new JobRegistry(JOBS).register(beside);
  const proxy = await FaultProxy.to(url);
  onTestFinished(() => proxy.close());
  const db = openDatabase({
    connection: () => ({ connectionString: proxy.url }),
    applicationName: "scrape",
  });
  onTestFinished(() => db.end());
  const metrics = new MetricsRegistry();
  measurePlaces(metrics, db);
  measureQueues(metrics, db);
  measureHealth(metrics, db);
  measureScaling(metrics, new LoadMeter(db));
  const connections = await Promise.all(Array.from({ length: 4 }, () => db.connect()));
  for (const connection of connections) connection.release();

  const before = proxy.waits;
  const scrape = await metrics.metrics();
  const waits = proxy.waits.map((count, n) => count - before[n]!);

  expect(scrape).toContain("millrace_database_up 1\n");
  expect(scrape).toContain("millrace_database_health_up 1\n");
  expect(scrape).toContain('millrace_queue_workers{queue="default"} 0\n');
  // Two where a transaction is begun with what it reads, three where it is begun first.
  expect(waits.toSorted((a, b) => a - b)).toEqual([2, 2, 2, 3]);
});
