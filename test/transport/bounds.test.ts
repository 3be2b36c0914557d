import { connect } from "amqplib";
import { Redis } from "ioredis";
import { type Transport, openTransport } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { testServer } from "../support/test-server.ts";
import { until } from "../support/until.ts";
import { silently } from "./conformance.ts";

const PREFIX = `bounds-${process.pid}`;

async function opened(url: string): Promise<Transport> {
  const unused = { db: undefined as never, connection: () => ({}) };
  const transport = await openTransport({
    ...unused,
    url: `${url}?prefix=${PREFIX}`,
    logger: silently,
  });
  onTestFinished(() => transport.close());
  return transport;
}

async function redisHere(): Promise<{ redis: Redis; key: string; url: string }> {
  const url = await testServer("redis");
  const redis = new Redis(url);
  const key = `{${PREFIX}}:bell:mail`;
  onTestFinished(async () => {
    await redis.del(key);
    redis.disconnect();
  });
  return { redis, key, url };
}

test("a stream that nobody reads is trimmed", async () => {
  const { redis, key, url } = await redisHere();
  const transport = await opened(url);
  for (let n = 0; n < 30; n++) await transport.publish(Array.from({ length: 100 }, () => "mail"));
  expect(await redis.xlen(key)).toBeLessThan(1200);
});

test("what a receiver that is gone left unanswered in a stream is taken over", async () => {
  const { redis, key, url } = await redisHere();
  const transport = await opened(url);
  await redis.xgroup("CREATE", key, "workers", "0", "MKSTREAM");
  await transport.publish(["mail"]);
  await redis.xreadgroup("GROUP", "workers", "ghost", "STREAMS", key, ">");
  const [[id]] = (await redis.xpending(key, "workers", "-", "+", 1)) as [[string]];
  // As if it had been so for two minutes.
  await redis.xclaim(key, "workers", "ghost", 0, id, "IDLE", 120_000);
  const heard: string[] = [];
  await transport.receive(["mail"], (delivery) => {
    heard.push(delivery.queue);
    delivery.acknowledge();
  });
  await until("it is heard, and answered", async () => {
    const [pending] = (await redis.xpending(key, "workers")) as [number];
    return heard.length === 1 && pending === 0;
  });
});

test("a RabbitMQ queue that nobody receives fills up to its limit, refuses the rest, and makes no dead letters", async () => {
  const url = await testServer("rabbitmq");
  const transport = await opened(url);
  await transport.publish(["mail"]);
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const [queue, dead] = [`${PREFIX}.bell.mail`, `${PREFIX}.bell-dead`];
  onTestFinished(async () => {
    for (const name of [queue, dead]) await channel.deleteQueue(name);
    await connection.close();
  });
  for (let n = 0; n < 15; n++) await transport.publish(Array.from({ length: 100 }, () => "mail"));
  const { messageCount } = await channel.checkQueue(queue);
  // The limit is looked at now and then; those on their way get in.
  expect(messageCount).toBeGreaterThanOrEqual(1000);
  expect(messageCount).toBeLessThan(1200);
  expect((await channel.checkQueue(dead)).messageCount).toBe(0);
  await transport.check();
});
