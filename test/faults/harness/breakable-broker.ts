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
  /** Puts these where the rings of the queue `default` are, and answers how many of them the broker took. */
  put(contents: readonly Buffer[]): Promise<number>;
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
    put: (contents) =>
      redis.ask(async (client) => {
        const pipeline = client.pipeline();
        for (const content of contents) {
          pipeline.xadd("{millrace}:bell:default", "MAXLEN", "~", 1000, "*", "queue", content);
        }
        const answers = (await pipeline.exec()) ?? [];
        return answers.filter(([error]) => !error).length;
      }),
    close: () => redis.close(),
  };
}

/** The server that tests use, behind a proxy: its queue is deleted, its connections are cut, or go silent. */
async function breakableRabbit(): Promise<BreakableBroker> {
  const server = await findOrStart(rabbitmq, (line) => console.log(line));
  const proxy = await FaultProxy.to(server.url);
  const prefix = `faults-${process.pid}`;
  const connection = await connect(server.url);
  const channel = await connection.createConfirmChannel();
  const queue = `${prefix}.bell.default`;
  return {
    url: `${proxy.url}?prefix=${prefix}`,
    async breakNow(round) {
      if (round % 3 === 0) await channel.deleteQueue(queue);
      else if (round % 3 === 1) await cut(proxy);
      else proxy.goSilent();
    },
    async put(contents) {
      const taken = contents.map(
        (content) =>
          new Promise<number>((resolve) => {
            channel.sendToQueue(queue, content, {}, (refused) => resolve(refused ? 0 : 1));
          }),
      );
      return (await Promise.all(taken)).reduce((sum, one) => sum + one, 0);
    },
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
    async put(contents) {
      const QueueUrl = await at();
      // A body that is empty, or no text, is refused there.
      const sent = contents.map((content) => {
        const MessageBody = content.toString("latin1").replace(/[^ -~]/g, "?") || "?";
        return client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
      });
      return (await Promise.all(sent)).length;
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
