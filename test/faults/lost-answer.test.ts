import { enqueue } from "millrace";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { expectWhole, proxiedRig } from "./harness/test-rig.ts";

const STATEMENTS = [
  "enqueue_many",
  "claim_from_front",
  "claim_from_low",
  "settle_completed",
  "settle_others",
  "keep_log",
  "keep_progress",
  "dispatch_due",
  "take_back",
  "watch_beats",
  "worker_beat",
  "notify_queues",
];

test("a statement that is lost, or whose answer is, costs no run its outcome and none a second one", async () => {
  const { rig, proxy } = await proxiedRig();
  await rig.startReaper();
  await rig.startDispatcher();
  await rig.startWorker({ concurrency: 4 });
  for (const text of STATEMENTS) {
    for (const lose of ["request", "answer to"] as const) {
      const before = proxy.cuts;
      proxy.cutOnce({ lose, text });
      await until(
        `${text} was cut`,
        async () => {
          // A full batch after another: the claims between go on from the low end.
          const asked = Array.from({ length: 12 }, (_, n) =>
            rig.enqueue(["talkative", "quick", "failing"][n % 3]!),
          );
          await Promise.all(asked);
          return proxy.cuts > before;
        },
        { deadlineMs: 30_000 },
      );
    }
  }
  const report = await expectWhole(rig);
  expect(report.deadByLoss).toBe(0);
  expect(await rig.rows("select id from millrace.worker where state <> 'active'")).toEqual([]);
}, 240_000);

test("runs of a claim whose answer was lost are handed back by the worker that never heard it", async () => {
  const { rig, proxy } = await proxiedRig({ leaseMs: 60_000 });
  await rig.startWorker();
  await rig.rows("update millrace.queue set paused_at = now() where name = 'default'");
  const id = await rig.accepted("quick");
  proxy.cutOnce({ lose: "answer with", text: id });
  await rig.rows("update millrace.queue set paused_at = null");
  await expectWhole(rig);
  expect(proxy.cuts).toBe(1);
  expect(await rig.rows("select outcome::text from millrace.attempt")).toEqual([
    { outcome: "released" },
  ]);
  expect(await rig.rows("select state::text, failures, losses from millrace.run")).toEqual([
    { state: "completed", failures: 0, losses: 0 },
  ]);
});

test("an outcome whose answer was lost is on record, and its worker knows", async () => {
  const { rig, proxy } = await proxiedRig();
  const worker = await rig.startWorker();
  proxy.cutOnce({ lose: "answer to", text: "settle_completed" });
  const id = await rig.accepted("quick");
  await worker.waitForLine(/settling is put off/);
  await worker.waitForLine(new RegExp(`${id}.*"completed"`));
  expect(worker.output).not.toContain("was not recorded");
  await expectWhole(rig);
  expect(await rig.rows("select state::text, attempts from millrace.run")).toEqual([
    { state: "completed", attempts: 1 },
  ]);
});

test("an enqueue that was lost on its way leaves its idempotency key free", async () => {
  const { rig, proxy } = await proxiedRig();
  await rig.startWorker();
  const request = { job: "quick", input: "{}", trigger: "api", idempotencyKey: "k-1" } as const;
  proxy.cutOnce({ lose: "request", text: "enqueue_many" });
  await expect(enqueue(rig.db, [request])).rejects.toMatchObject({ code: "database_unavailable" });
  expect(proxy.cuts).toBe(1);
  const [result] = await enqueue(rig.db, [request]);
  expect(result).toMatchObject({ run: { created: true } });
  await expectWhole(rig);
  const runs = await rig.rows("select id, state::text from millrace.run");
  expect([result]).toMatchObject([{ run: { id: runs[0]!["id"] } }]);
  expect(runs).toMatchObject([{ state: "completed" }]);
});
