import type { Channel, ConfirmChannel, connect as amqpConnect } from "amqplib";
import { MAX_KEPT, type Session } from "../session.ts";
import type { TransportPlace } from "../transport-url.ts";
import { RabbitReceiver } from "./rabbitmq-receiver.ts";

export type RabbitPlace = Extract<TransportPlace, { kind: "rabbitmq" }>;

/** Only crashes of workers count up to it: what is handed on is sent anew. RabbitMQ 3.10 has no limit by itself. */
const DELIVERY_LIMIT = 20;

/** Ours are some 100 bytes long. */
const MAX_BYTES = 256 * 1024;

const WEEK_MS = 7 * 24 * 3_600_000;

/** Quorum queues, one for each of ours, and publisher confirms; the topology is declared by whoever needs it first. */
export async function connectRabbit(
  connect: typeof amqpConnect,
  place: RabbitPlace,
  deadlineMs: number,
  onLost: (error: unknown) => void,
): Promise<Session> {
  const connection = await connect(
    {
      protocol: place.tls ? "amqps" : "amqp",
      hostname: place.host,
      port: place.port,
      username: place.user ?? "guest",
      password: place.password ?? "guest",
      vhost: encodeURIComponent(place.vhost),
      // In seconds. Two of them missed, and the client ends the connection.
      heartbeat: Math.max(1, Math.round(deadlineMs / 1000)),
    },
    {
      timeout: deadlineMs,
      noDelay: true,
      clientProperties: { connection_name: "millrace" },
    },
  );
  connection.on("error", onLost);
  connection.on("close", onLost);
  const publisher = await connection.createConfirmChannel();
  publisher.on("error", onLost);
  const topology = new Topology(publisher, place.prefix);
  return {
    async publish(queues) {
      await Promise.all(queues.map((queue) => topology.send(queue)));
    },
    async receive(queues, deliver) {
      const names = await Promise.all(queues.map((queue) => topology.declare(queue)));
      const channel = await connection.createChannel();
      channel.on("error", onLost);
      const receiver = new RabbitReceiver(channel, names, deliver, onLost);
      await receiver.start();
      return receiver;
    },
    // It changes nothing here, and has an answer.
    ping: async () => void (await publisher.prefetch(0)),
    close: () => connection.close(),
  };
}

/** What of ours is at the broker. */
class Topology {
  readonly #publisher: ConfirmChannel;
  readonly #prefix: string;
  readonly #declared = new Map<string, Promise<string>>();
  readonly #returned = new Set<string>();

  constructor(publisher: ConfirmChannel, prefix: string) {
    this.#publisher = publisher;
    this.#prefix = prefix;
    publisher.on("return", ({ fields }) => this.#returned.add(fields.routingKey));
  }

  /** @returns its name at the broker */
  declare(queue: string): Promise<string> {
    const name = `${this.#prefix}.bell.${queue}`;
    const declared = this.#declared.get(name) ?? this.#declare(name);
    this.#declared.set(name, declared);
    return declared;
  }

  async send(queue: string): Promise<void> {
    const name = await this.declare(queue);
    await this.#confirmed(name, queue);
    // Not declared anew at once: RabbitMQ 3.10 was seen to tell no consumer, then, that its queue is gone.
    if (this.#returned.delete(name)) throw new Error(`the queue ${name} was deleted`);
  }

  #confirmed(name: string, queue: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#publisher.sendToQueue(name, Buffer.from(queue), { mandatory: true }, (error) => {
        // A queue that is full of rings needs no other one.
        if (!error || error.message === "message nacked") resolve();
        else reject(error);
      });
    });
  }

  async #declare(name: string): Promise<string> {
    const dead = `${this.#prefix}.bell-dead`;
    const quorum = (more: object): Parameters<Channel["assertQueue"]>[1] => ({
      durable: true,
      arguments: { "x-queue-type": "quorum", ...more },
    });
    await this.#publisher.assertQueue(
      dead,
      quorum({ "x-max-length": MAX_KEPT, "x-message-ttl": WEEK_MS }),
    );
    await this.#publisher.assertQueue(
      name,
      quorum({
        // What is too many is refused, for what is dropped or expires would become a dead letter.
        "x-max-length": MAX_KEPT,
        "x-max-length-bytes": MAX_BYTES,
        "x-overflow": "reject-publish",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
      }),
    );
    return name;
  }
}
