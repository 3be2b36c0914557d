import { defineJob } from "@millrace/sdk";
import { MemoryBroker, type Transport } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

async function memory(
  mill: Mill,
): Promise<{ broker: MemoryBroker; open: () => Promise<Transport> }> {
  const broker = new MemoryBroker();
  const open = async () => {
    const transport = broker.transport({ logger: mill.logger });
    onTestFinished(() => transport.close());
    await transport.open();
    return transport;
  };
  mill.ringThrough(await open());
  return { broker, open };
}

/** Until the returned function is called, no claim can be made. */
async function lockReady(mill: Mill): Promise<() => Promise<void>> {
  const holder = await mill.db.connect();
  await holder.query("begin");
  await holder.query("lock table millrace.ready");
  let held = true;
  const unlock = async () => {
    if (held) await holder.query("commit");
    if (held) holder.release();
    held = false;
  };
  onTestFinished(unlock);
  return unlock;
}

const quick = defineJob({ name: "quick", run: () => null });

test("a message is kept until the claim that answers it has committed", async () => {
  const mill = await Mill.create(quick);
  const { broker } = await memory(mill);
  await mill.startWorker();
  const unlock = await lockReady(mill);
  broker.put("default", "default");
  await until("it is with the worker", () => broker.unanswered === 1);
  await until("a claim waits for the table", async () => {
    const waiting = await mill.rows(
      `select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and query like '%millrace.ready%'`,
    );
    return waiting.length > 0;
  });
  expect(broker.unanswered).toBe(1);
  await unlock();
  await until("it is answered", () => broker.unanswered === 0);
  expect(broker.waiting("default")).toEqual([]);
});

test("a worker whose slots are full leaves messages to others, and takes them up again by itself", async () => {
  const done = signal();
  const slow = defineJob({ name: "slow", run: () => done.promise });
  const mill = await Mill.create(slow);
  const { broker, open } = await memory(mill);
  const worker = await mill.startWorker({ concurrency: 1 });
  await mill.untilState(await mill.enqueue("slow"), "running");
  await until("what the worker could not answer has gone back", () => broker.unanswered === 0);
  const second = await mill.enqueue("slow");
  await until("its message stays with the broker", () => broker.waiting("default").length > 0);
  expect(broker.unanswered).toBe(0);

  await mill.startWorker({ concurrency: 1, transport: await open() });
  await mill.untilState(second, "running");
  expect(worker.running).toBe(1);
  done.fire();
  await mill.untilState(second, "completed");
  await until("all messages are answered", () => {
    return broker.waiting("default").length === 0 && broker.unanswered === 0;
  });
});

test("a worker that drains hands its messages on", async () => {
  const mill = await Mill.create(quick);
  const { broker } = await memory(mill);
  const worker = await mill.startWorker();
  const unlock = await lockReady(mill);
  broker.put("default", "default");
  await until("it is with the worker", () => broker.unanswered === 1);
  const stopped = worker.stop();
  broker.put("default", "default");
  await unlock();
  await stopped;
  expect(broker.unanswered).toBe(0);
});

test("a flood of rings for which there is nothing costs few claims", async () => {
  const mill = await Mill.create(quick);
  const { broker } = await memory(mill);
  let claims = 0;
  await mill.startWorker({ onClaim: () => claims++ });
  await until("it has looked", () => claims > 0);
  claims = 0;
  const since = performance.now();
  for (let n = 0; n < 3000; n++) broker.put("default", "default", true);
  await until("all are answered", () => {
    return broker.waiting("default").length === 0 && broker.unanswered === 0;
  });
  // One in 25 ms, the first one, and its own look each second.
  expect(claims).toBeLessThan((performance.now() - since) / 25 + 5);
});
