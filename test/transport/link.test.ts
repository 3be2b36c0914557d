import { LinkedTransport, MemoryBroker } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { silently } from "./conformance.ts";

const isThere = (transport: LinkedTransport) => transport.check().then(() => true);

/** Over how many milliseconds twenty come back that lost their broker at once. */
async function spreadOfReturns(): Promise<number> {
  const broker = new MemoryBroker();
  const backAt: number[] = [];
  const transports = Array.from({ length: 20 }, () => {
    const onState = (up: boolean) => void (up && backAt.push(performance.now()));
    const observer = {
      onState,
      onPublished() {},
      onPublishError() {},
      onReceived() {},
      onDropped() {},
    };
    return broker.transport({ logger: silently, observer });
  });
  onTestFinished(async () => {
    await Promise.all(transports.map((transport) => transport.close()));
  });
  await Promise.all(transports.map((transport) => transport.open()));
  backAt.length = 0;
  broker.stop();
  broker.start();
  await until("all are back", () => backAt.length === 20);
  expect(broker.sessions).toBe(20);
  return Math.max(...backAt) - Math.min(...backAt);
}

test("processes that lost their broker do not all come back at the same moment", async () => {
  // While this process stands, the rests of all of them may end: then they come back together after all.
  const spreads: number[] = [];
  do spreads.push(await spreadOfReturns());
  while (spreads.at(-1)! <= 100 && spreads.length < 5);
  expect(Math.max(...spreads)).toBeGreaterThan(100);
});

test("a session that comes too late is ended, and none is left behind", async () => {
  const broker = new MemoryBroker();
  const late: (() => void)[] = [];
  let slow = true;
  const transport = new LinkedTransport(
    {
      name: "late",
      words: "a late broker",
      capabilities: { audience: "one", keeps: true, redelivers: true, trusted: false },
      connect: async (onLost) => {
        if (slow) await new Promise<void>((resolve) => late.push(resolve));
        return broker.connect(onLost);
      },
    },
    { logger: silently, deadlineMs: 50 },
  );
  onTestFinished(() => transport.close());
  await transport.open();
  await expect(transport.check()).rejects.toThrow(/late cannot be reached/);
  await until("it was tried three times", () => late.length === 3);
  slow = false;
  for (const connects of late) connects();
  await until("it is there", () => isThere(transport));
  await until("only one session is left", () => broker.sessions === 1);
});

test("who begins to receive while the broker is away is rung when it is back", async () => {
  const broker = new MemoryBroker();
  broker.stop();
  const transport = broker.transport({ logger: silently });
  onTestFinished(() => transport.close());
  await transport.open();
  const heard: string[] = [];
  await transport.receive(["mail"], (delivery) => {
    heard.push(delivery.queue);
    delivery.acknowledge();
  });
  await expect(transport.publish(["mail"])).rejects.toThrow(/away/);
  broker.put("mail", "mail");
  broker.start();
  await until("it is rung", () => heard.length === 1);
});

test("a broker that takes connections but no messages is away, and is not asked without a rest", async () => {
  const broker = new MemoryBroker();
  let connects = 0;
  const transport = new LinkedTransport(
    {
      name: "full",
      words: "a full broker",
      capabilities: { audience: "one", keeps: true, redelivers: true, trusted: false },
      connect: async (onLost) => {
        connects++;
        const session = await broker.connect(onLost);
        return {
          publish: () => Promise.reject(new Error("out of memory")),
          receive: (queues, deliver) => session.receive(queues, deliver),
          ping: () => session.ping(),
          close: () => session.close(),
        };
      },
    },
    { logger: silently },
  );
  onTestFinished(() => transport.close());
  await transport.open();
  const since = performance.now();
  await until("it was asked for a while", async () => {
    await transport.publish(["mail"]).catch(() => {});
    return performance.now() - since > 1500;
  });
  // 0.1, 0.2, 0.4, 0.8 s and so on, each shortened by half at the most.
  expect(connects).toBeLessThan(9);
});
