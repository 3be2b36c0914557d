import { expect, test } from "vitest";
import { readWaiting } from "../../packages/server/src/store/alert-facts.ts";
import { countHeld } from "../../packages/server/src/store/held.ts";
import { readStandingOfQueues } from "../../packages/server/src/store/live.ts";
import { readLoads } from "../../packages/server/src/store/load.ts";
import { readQueueTrends } from "../../packages/server/src/store/overview.ts";
import { readDepths } from "../../packages/server/src/store/queue-depths.ts";
import { readQueueSamples, takeSample } from "../../packages/server/src/store/queue-samples.ts";
import { listQueues } from "../../packages/server/src/store/queues.ts";
import type { Queryable } from "../../packages/server/src/store/statement.ts";
import { nothing } from "../support/api.ts";
import { Mill } from "../support/mill.ts";
import { executed, explaining } from "../support/plans.ts";

const QUEUES = 2_000;

test("what is told of each queue compares no queue with all others", async () => {
  const mill = await Mill.create(nothing);
  const each = `from generate_series(1, ${QUEUES}) n`;
  await mill.db.query(`insert into millrace.queue (name) select 'queue-' || n ${each}`);
  await mill.db.query(
    `insert into millrace.ready (queue, priority, job, run_ids)
     select 'queue-' || n, 0, 'nothing', array[gen_random_uuid()] ${each}`,
  );
  await mill.db.query(
    `insert into millrace.gate (queue, job, key, priority, start_by, since, cost, run_ids)
     select 'queue-' || n, 'nothing', n::text, 0, clock_timestamp(), clock_timestamp(), 1, array[gen_random_uuid()] ${each}`,
  );
  await mill.db.query(
    `insert into millrace.lane (job, key, queue, head_priority, head_start_by)
     select 'nothing', n::text, 'queue-' || n, 0, clock_timestamp() ${each}
     on conflict do nothing`,
  );
  await mill.db.query(
    `insert into millrace.worker (name, queues, jobs, concurrency, version, lease_ms)
     select 'worker-' || n, array['queue-' || n], '{}', 1, '1', 60000 ${each}`,
  );
  await mill.db.query(
    `insert into millrace.pace (worker_id, queue, per_second, at)
     select id, queues[1], 1, clock_timestamp() from millrace.worker`,
  );
  const now = new Date();
  await takeSample(mill.db, new Date(now.getTime() - 10 * 60_000));
  const looks: Record<string, (db: Queryable) => Promise<unknown[]>> = {
    readDepths: (db) => readDepths(db, QUEUES * 2),
    readWaiting: (db) => readWaiting(db, now, 10 * 60_000, QUEUES * 2),
    readStandingOfQueues: (db) => readStandingOfQueues(db),
    readLoads: (db) => readLoads(db),
    readQueueTrends: (db) => readQueueTrends(db, null),
    readQueueSamples: (db) => readQueueSamples(db),
    listQueues: (db) => listQueues(db, null),
    takeSample: (db) => takeSample(db, null),
    countHeld: (db) => countHeld(db),
  };
  const connection = await explaining(mill.db);
  for (const [name, look] of Object.entries(looks)) {
    expect((await look(connection)).length, name).toBeGreaterThan(0);
  }
  expect(connection.plans.size).toBe(Object.keys(looks).length);
  for (const [title, plan] of connection.plans) {
    const compared = executed(plan).map(
      (node) =>
        node["Actual Loops"]! *
        ((node["Rows Removed by Join Filter"] ?? 0) + (node["Rows Removed by Filter"] ?? 0)),
    );
    // Each with each would be four million.
    expect(Math.max(...compared), title).toBeLessThan(20 * QUEUES);
  }
});
