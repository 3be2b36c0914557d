import { connect } from "amqplib";
import { defineJob } from "@millrace/sdk";
import { type Transport, type TransportObserver, openDatabase, openTransport } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { testServer } from "../support/test-server.ts";
import { until } from "../support/until.ts";
import { OwnRedis } from "../transport/own-redis.ts";
import { FaultProxy } from "./harness/fault-proxy.ts";

const DEADLINE_MS = 1500;

/** A deadline for the answer that does not come, the rest before it was asked for, and a busy machine: nobody may wait for as long as a connection lives. */
const GIVEN_UP_MS = 2 * DEADLINE_MS + 15_000;

const NOT_INSTALLED = "no redis-server is installed here to be killed";

const quick = defineJob({ name: "quick", run: () => null });

test("a Redis that is killed costs no run, and when it is back it rings again", async ({
  skip,
}) => {
  if (!OwnRedis.installed) skip(NOT_INSTALLED);
  const redis = await OwnRedis.start();
  onTestFinished(() => redis.close());
  const { mill, ringsAgain } = await ringing(redis.url);
  await ringsAgain();
  await redis.kill();
  await until("it is away", () => isAway(mill.transport));
  await expectCompletes(mill);
  await redis.startAgain();
  await until("it is back", () => isThere(mill.transport));
  await ringsAgain();
});

test("a Redis that hangs is given up in time, and leaves no connection behind", async ({
  skip,
}) => {
  if (!OwnRedis.installed) skip(NOT_INSTALLED);
  const redis = await OwnRedis.start();
  onTestFinished(() => redis.close());
  const { mill, ringsAgain } = await ringing(redis.url);
  await ringsAgain();
  const connections = () =>
    redis.ask(
      async (client) => String(await client.client("LIST")).match(/name=millrace /g)?.length,
    );
  const before = await connections();
  for (let round = 0; round < 2; round++) {
    redis.stop();
    const since = performance.now();
    await until("it is away", () => isAway(mill.transport));
    expect(performance.now() - since).toBeLessThan(GIVEN_UP_MS);
    await expectCompletes(mill);
    redis.goOn();
    await until("it is back", () => isThere(mill.transport));
    await ringsAgain();
    await until(
      "it has as many connections as before",
      async () => (await connections()) === before,
    );
  }
});

test("a RabbitMQ that is away or half-open costs no run, and leaves no connection behind", async () => {
  const proxy = await FaultProxy.to(await testServer("rabbitmq"));
  onTestFinished(() => proxy.close());
  const { mill, ringsAgain } = await ringing(`${proxy.url}?prefix=${await ownPrefix()}`);
  await ringsAgain();
  const before = proxy.links;

  proxy.goDown();
  await until("it is away", () => isAway(mill.transport));
  await expectCompletes(mill);
  proxy.comeUp();
  await until("it is back", () => isThere(mill.transport));
  await ringsAgain();

  proxy.goSilent();
  const since = performance.now();
  await until("it is given up", () => isAway(mill.transport));
  expect(performance.now() - since).toBeLessThan(GIVEN_UP_MS);
  await until("it is back", () => isThere(mill.transport));
  await ringsAgain();
  await until(
    "the silent connections are gone",
    () => proxy.silent === 0 && proxy.links === before,
  );
});

test("while PostgreSQL is away workers leave messages with the broker, and none becomes a dead letter there", async () => {
  const mill = await Mill.create(quick);
  const prefix = await ownPrefix();
  const url = `${await testServer("rabbitmq")}?prefix=${prefix}`;
  mill.ringThrough(await opened(mill, url));
  const proxy = await FaultProxy.to(mill.url);
  onTestFinished(() => proxy.close());
  const connection = () => ({ connectionString: proxy.url });
  const db = openDatabase({ connection, applicationName: "millrace test" });
  onTestFinished(() => db.end());
  const workers: Awaited<ReturnType<Mill["startWorker"]>>[] = [];
  for (let n = 0; n < 3; n++) {
    const transport = await opened(mill, url);
    workers.push(await mill.startWorker({ db, connection, transport, leaseMs: 600_000 }));
  }
  const at = await brokerAt(prefix);
  await until("all receive", async () => (await at("bell.default")).consumerCount === 3);

  proxy.goDown();
  const ids: string[] = [];
  await until("nobody receives, and messages wait", async () => {
    ids.push(await mill.enqueue("quick"));
    const { consumerCount, messageCount } = await at("bell.default");
    return consumerCount === 0 && messageCount > 0;
  });
  for (let n = 0; n < 20; n++) ids.push(await mill.enqueue("quick"));
  expect(await at("bell.default")).toMatchObject({ consumerCount: 0 });

  proxy.comeUp();
  for (const id of ids) await mill.untilState(id, "completed");
  await until("all receive again, and nothing is left", async () => {
    const { consumerCount, messageCount } = await at("bell.default");
    return consumerCount === 3 && messageCount === 0;
  });
  expect(await at("bell-dead")).toMatchObject({ messageCount: 0 });
  await until("all know that nothing runs", () => workers.every(({ running }) => running === 0));
});

/** A worker that is rung through the broker, by an intake with a connection of its own. */
async function ringing(url: string) {
  const mill = await Mill.create(quick);
  let received = 0;
  const transport = await opened(mill, url, { onReceived: () => received++ });
  mill.ringThrough(await opened(mill, url));
  await mill.startWorker({ transport });
  return {
    mill,
    async ringsAgain() {
      const before = received;
      await until("a message comes in", async () => {
        await mill.transport.publish(["default"]).catch(() => {});
        return received > before;
      });
    },
  };
}

async function opened(
  mill: Mill,
  url: string,
  observer: Partial<TransportObserver> = {},
): Promise<Transport> {
  const silent = {
    onState() {},
    onPublished() {},
    onPublishError() {},
    onReceived() {},
    onDropped() {},
  };
  const transport = await openTransport({
    url,
    db: mill.db,
    connection: () => ({}),
    logger: mill.logger,
    deadlineMs: DEADLINE_MS,
    observer: { ...silent, ...observer },
  });
  onTestFinished(() => transport.close());
  return transport;
}

const isThere = (transport: Transport) => transport.check().then(() => true);

const isAway = (transport: Transport) =>
  transport.check().then(
    () => false,
    () => true,
  );

/** Workers look once a second, so this is quick also without a ring. */
async function expectCompletes(mill: Mill): Promise<void> {
  const ids = await Promise.all(Array.from({ length: 20 }, () => mill.enqueue("quick")));
  for (const id of ids) await mill.untilState(id, "completed");
}

let prefixes = 0;

/** What begins with it at the shared broker is removed when the running test ends. */
async function ownPrefix(): Promise<string> {
  const prefix = `outage-${process.pid}-${++prefixes}`;
  const url = await testServer("rabbitmq");
  onTestFinished(async () => {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    for (const name of ["bell.default", "bell-dead"])
      await channel.deleteQueue(`${prefix}.${name}`);
    await connection.close();
  });
  return prefix;
}

/** How a queue of ours is at the shared broker. */
async function brokerAt(prefix: string) {
  const connection = await connect(await testServer("rabbitmq"));
  onTestFinished(() => connection.close());
  const channel = await connection.createChannel();
  return (name: string) => channel.checkQueue(`${prefix}.${name}`);
}
