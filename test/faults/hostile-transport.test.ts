import { setImmediate as turn } from "node:timers/promises";
import { defineJob } from "@millrace/sdk";
import { expect, onTestFinished, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";
import { HostileBroker } from "../transport/hostile-broker.ts";
import { seeded } from "./harness/seed.ts";

const MESSAGES = 20_000;
const RUNS = 600;

test("S12: a hostile transport loses no run, starts none twice, and stops nobody", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const queues = ["default", "mail"];
  const executed = new Map<string, number>();
  const note = (run: string) => executed.set(run, (executed.get(run) ?? 0) + 1);
  const jobs = queues.map((queue) =>
    defineJob({ name: `to-${queue}`, queue, run: (_input, { runId }) => note(runId) && null }),
  );
  const mill = await Mill.create(...jobs);
  const broker = new HostileBroker(seeded(seed), queues);
  const dropped = { malformed: 0, other_queue: 0 };
  const open = async () => {
    const transport = await broker.open(mill.logger, {
      onState() {},
      onPublished() {},
      onPublishError() {},
      onReceived() {},
      onDropped: (reason) => dropped[reason]++,
    });
    onTestFinished(() => transport.close());
    return transport;
  };
  mill.ringThrough(await open());
  await mill.startWorker({ concurrency: 3 });
  await mill.startWorker({ concurrency: 3, transport: await open() });
  await mill.startDispatcher();

  const asked: Promise<string>[] = [];
  for (let n = 0; broker.put < MESSAGES; n++) {
    broker.forge();
    if (n % 20 === 0 && asked.length < RUNS)
      asked.push(mill.enqueue(`to-${queues[asked.length % 2]}`));
    if (n % 2000 === 1999) broker.break();
    if (n % 50 === 0) await turn();
  }
  while (asked.length < RUNS) asked.push(mill.enqueue(`to-${queues[asked.length % 2]}`));
  const ids = await Promise.all(asked);
  await until(`every run has ended (seed ${seed})`, async () => {
    const [row] = await mill.rows<{ open: number }>(
      "select count(*)::int as open from millrace.run where state is null",
    );
    return row!.open === 0;
  });
  expect(await mill.rows("select state::text, count(*)::int from millrace.run group by 1")).toEqual(
    [{ state: "completed", count: RUNS }],
  );
  expect(ids.filter((id) => executed.get(id) !== 1)).toEqual([]);
  expect(executed.size).toBe(RUNS);
  expect(dropped.malformed).toBeGreaterThan(1000);
  expect(dropped.other_queue).toBeGreaterThan(100);
});
