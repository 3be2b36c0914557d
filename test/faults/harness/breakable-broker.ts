import { connect } from "amqplib";
import { SQSClient, SendMessageCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { findOrStart } from "../../support/servers/find-or-start.ts";
import { rabbitmq } from "../../support/servers/rabbitmq.ts";
import { OwnRedis } from "../../transport/own-redis.ts";
import { startEmulator } from "../../transport/sqs-emulator.ts";
import { FaultProxy } from "./fault-proxy.ts";

/** A broker that a script may break in all the ways that it has. */
export interface BreakableBroker {
  /** For MILLRACE_TRANSPORT. */
  readonly url: string;
  /** Breaks it for a moment; `round` chooses how. When it answers, the broker is there again. */
  breakNow(round: number): Promise<void>;
  /** Puts something where the rings of the queue `default` are. */
  put(content: Buffer): Promise<void>;
  close(): Promise<void>;
}

export const BROKERS = { redis: breakableRedis, rabbitmq: breakableRabbit, sqs: breakableSqs };

/** How long a broker is away, when it is not only emptied. */
const AWAY_MS = 700;

const moment = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server of its own: it is killed, comes back empty, is flushed, and hangs. */
async function breakableRedis(): Promise<BreakableBroker> {
  const redis = await OwnRedis.start();
  return {
    url: redis.url,
    async breakNow(round) {
      if (round % 3 === 0) await redis.ask((client) => client.flushall());
      else if (round % 3 === 1) {
        await redis.kill();
        await moment(AWAY_MS);
        await redis.startAgain();
      } else {
        redis.stop();
        await moment(AWAY_MS);
        redis.goOn();
      }
    },
    put: async (content) =>
      void (await redis.ask((client) =>
        client.xadd("{millrace}:bell:default", "*", "queue", content),
      )),
    close: () => redis.close(),
  };
}

/** The server that tests use, behind a proxy: its queue is deleted, its connections are cut, or go silent. */
async function breakableRabbit(): Promise<BreakableBroker> {
  const server = await findOrStart(rabbitmq, (line) => console.log(line));
  const proxy = await FaultProxy.to(server.url);
  const prefix = `faults-${process.pid}`;
  const connection = await connect(server.url);
  const channel = await connection.createChannel();
  const queue = `${prefix}.bell.default`;
  return {
    url: `${proxy.url}?prefix=${prefix}`,
    async breakNow(round) {
      if (round % 3 === 0) await channel.deleteQueue(queue);
      else if (round % 3 === 1) await cut(proxy);
      else proxy.goSilent();
    },
    put: async (content) => void channel.sendToQueue(queue, content),
    async close() {
      for (const name of [queue, `${prefix}.bell-dead`]) await channel.deleteQueue(name);
      await connection.close();
      await proxy.close();
      await server.stop();
    },
  };
}

/** The emulator, behind a proxy. */
async function breakableSqs(): Promise<BreakableBroker> {
  const emulator = await startEmulator();
  const proxy = await FaultProxy.to(emulator.address);
  const client = new SQSClient({ region: "us-east-1", endpoint: emulator.address });
  const at = async () =>
    (await client.send(new GetQueueUrlCommand({ QueueName: "millrace-default" }))).QueueUrl;
  return {
    url: `sqs://us-east-1/millrace?endpoint=${encodeURIComponent(new URL(proxy.url).origin)}`,
    async breakNow(round) {
      if (round % 2 === 0) await cut(proxy);
      else proxy.goSilent();
    },
    async put(content) {
      const message = { QueueUrl: await at(), MessageBody: content.toString("base64") };
      await client.send(new SendMessageCommand(message));
    },
    async close() {
      client.destroy();
      await proxy.close();
      await emulator.stop();
    },
  };
}

async function cut(proxy: FaultProxy): Promise<void> {
  proxy.goDown();
  await moment(AWAY_MS);
  proxy.comeUp();
}
