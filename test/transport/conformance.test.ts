import {
  GetQueueUrlCommand,
  PurgeQueueCommand,
  SQSClient,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { type ChannelModel, connect } from "amqplib";
import { Redis } from "ioredis";
import {
  type Database,
  MemoryBroker,
  PostgresTransport,
  openDatabase,
  openTransport,
} from "millrace";
import { afterAll, beforeAll } from "vitest";
import { createDatabase } from "../support/database.ts";
import { testServer } from "../support/test-server.ts";
import { QUEUES, type Subject, conformance, silently } from "./conformance.ts";
import { OwnRedis } from "./own-redis.ts";
import { type Emulator, startEmulator } from "./sqs-emulator.ts";

const NO_FLUSH = "nothing is kept that could be taken away";

/** Brokers need neither; only PostgreSQL rings through a database. */
const unused = { db: undefined as never, connection: () => ({}), logger: silently };

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

conformance("memory", () => {
  const brokers = new Map<string, MemoryBroker>();
  const brokerOf = (installation: string) => {
    const broker = brokers.get(installation) ?? new MemoryBroker();
    brokers.set(installation, broker);
    return broker;
  };
  return {
    async open(installation, observer) {
      const transport = brokerOf(installation).transport({ logger: silently, observer });
      await transport.open();
      return transport;
    },
    put: async (installation, queue, content) => brokerOf(installation).put(queue, content),
    flush: async (installation) => brokerOf(installation).flush(),
  };
});

{
  const databases = [lazily(newDatabase), lazily(newDatabase)] as const;
  // Two that come after each other have different ones.
  const databaseOf = (installation: string) =>
    databases[Number(installation.split("-")[1]) % 2 === 0 ? 0 : 1]();
  conformance(
    "postgres",
    () => ({
      async open(installation, observer) {
        const { url, db } = await databaseOf(installation);
        const connection = () => ({ connectionString: url });
        return new PostgresTransport({ db, connection, logger: silently, observer });
      },
      async put(installation, _queue, content) {
        const { db } = await databaseOf(installation);
        await db.query("select pg_notify('millrace_bell', $1)", [content.toString()]);
      },
      flush: async () => {},
    }),
    { "is emptied": NO_FLUSH },
  );
}

for (const kind of ["single", "cluster"] as const) {
  let url: string;
  let redis: Redis;
  beforeAll(async () => {
    if (kind === "single") url = await testServer("redis");
    else {
      const own = await OwnRedis.start(["--cluster-enabled", "yes"]);
      ends.push(() => own.close());
      await own.takeAllSlots();
      url = own.url;
    }
    redis = new Redis(url);
    ends.push(async () => {
      // One by one: in cluster mode those of different installations are in different slots.
      const keys = await redis.keys(`{t${process.pid}-*`);
      await Promise.all(keys.map((key) => redis.del(key)));
      redis.disconnect();
    });
  });
  const keyOf = (installation: string, queue: string) => `{${installation}}:bell:${queue}`;
  conformance(`redis (${kind === "single" ? "one server" : "in cluster mode"})`, () => ({
    open: (installation, observer) =>
      openTransport({ ...unused, url: `${url}?prefix=${installation}`, observer }),
    put: async (installation, queue, content) =>
      void (await redis.xadd(keyOf(installation, queue), "*", "queue", content)),
    async flush(installation) {
      const keys = await redis.keys(keyOf(installation, "*"));
      if (keys.length > 0) await redis.del(keys);
    },
  }));
}

{
  let url: string;
  let connection: ChannelModel;
  beforeAll(async () => {
    url = await testServer("rabbitmq");
    connection = await connect(url);
    ends.push(async () => {
      await removeQueues();
      await connection.close();
    });
  });
  const seen = new Set<string>();
  const removeQueues = async () => {
    const channel = await connection.createChannel();
    for (const name of seen) await channel.deleteQueue(name);
    await channel.close();
  };
  const nameOf = (installation: string, queue: string) => {
    const name = `${installation}.bell.${queue}`;
    seen.add(name);
    return name;
  };
  conformance("rabbitmq", () => ({
    open: (installation, observer) => {
      for (const queue of QUEUES) nameOf(installation, queue);
      seen.add(`${installation}.bell-dead`);
      return openTransport({ ...unused, url: `${url}?prefix=${installation}`, observer });
    },
    async put(installation, queue, content) {
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue(nameOf(installation, queue), content);
      await channel.waitForConfirms();
      await channel.close();
    },
    async flush(installation) {
      const channel = await connection.createChannel();
      await channel.deleteQueue(nameOf(installation, "mail"));
      await channel.close();
    },
  }));
}

for (const fifo of [false, true]) {
  let emulator: Emulator;
  let client: SQSClient;
  beforeAll(async () => {
    emulator = await startEmulator();
    client = new SQSClient({ region: "us-east-1", endpoint: emulator.address });
    ends.push(
      () => emulator.stop(),
      () => client.destroy(),
    );
  });
  const urlOf = async (installation: string, queue: string) => {
    const QueueName = `${installation}-${queue}${fifo ? ".fifo" : ""}`;
    return (await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
  };
  const subject = (): Subject => ({
    open: (installation, observer) =>
      openTransport({ ...unused, url: emulator.url(installation, fifo), observer }),
    async put(installation, queue, content) {
      const order = fifo && {
        MessageGroupId: "forged",
        MessageDeduplicationId: String(Math.random()),
      };
      const QueueUrl = await urlOf(installation, queue);
      await client.send(
        new SendMessageCommand({ QueueUrl, MessageBody: content.toString(), ...order }),
      );
    },
    async flush(installation) {
      const QueueUrl = await urlOf(installation, "mail");
      await client.send(new PurgeQueueCommand({ QueueUrl }));
    },
  });
  conformance(`sqs (${fifo ? "FIFO" : "standard"})`, subject);
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

async function newDatabase(): Promise<{ url: string; db: Database }> {
  const { url, drop } = await createDatabase();
  const db = openDatabase({
    connection: () => ({ connectionString: url }),
    applicationName: "millrace test",
    maxConnections: 3,
  });
  ends.push(drop, () => db.end());
  return { url, db };
}
