import { expect, test } from "vitest";
import { API_KEY, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { fuzz } from "./harness/fuzz/fuzzer.ts";

test("a thousand requests of chance get no answer that the OpenAPI document does not have, and runs are claimed after them", async () => {
  const seed = Number(process.env["MILLRACE_TEST_FUZZ_SEED"] ?? 1 + (Date.now() % 1_000_000));
  const api = await startApi();
  await seedDeadLetters(api.db, 5);
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const { faults, statuses } = await fuzz({
    ...{ url: api.url, key: API_KEY, requests: 1000, connections: 4 },
    seed,
  });
  expect(faults, `seed ${seed}`).toEqual([]);
  const some = (from: number) =>
    [...statuses.keys()].some((status) => status >= from && status < from + 100);
  expect([some(200), some(400)]).toEqual([true, true]);

  // What chance has asked for and got: that nothing is started, or taken.
  await api.db.query(
    "update millrace.queue set paused_at = null, drained_at = null, concurrency = null, rate = null, max_depth = null",
  );
  await api.db.query("delete from millrace.pause");
  const { status, body } = await api.call("/api/v1/runs", {
    json: { job: "nothing", priority: 100 },
  });
  expect(status, `seed ${seed}: ${body.detail}`).toBe(201);
  const { runs } = await api.claim();
  expect(runs.map(({ runId }) => runId)).toContain(body.id);
});
