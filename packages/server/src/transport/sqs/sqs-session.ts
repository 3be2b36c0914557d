import { createHash, randomUUID } from "node:crypto";
import type * as Sqs from "@aws-sdk/client-sqs";
import { REDELIVER_AFTER_MS, type Session } from "../session.ts";
import type { SqsPlace } from "../transport-url.ts";
import { SqsReceiver } from "./sqs-receiver.ts";

export type SqsLibrary = typeof Sqs;

const MAX_SOCKETS = 1000;

/** Rings that nobody heard are stale by then. */
const KEEP_SECONDS = 120;

/**
 * A queue at SQS for each of ours, standard or FIFO. There is no connection that could break: the session is lost when
 * a request fails, and begins again when one succeeds.
 */
export async function connectSqs(
  library: SqsLibrary,
  place: SqsPlace,
  deadlineMs: number,
  onLost: (error: unknown) => void,
): Promise<Session> {
  const client = new library.SQSClient({
    region: place.region,
    ...(place.endpoint !== undefined && { endpoint: place.endpoint }),
    maxAttempts: 2,
    // A question for messages keeps its socket for as long as it waits, one for each queue.
    requestHandler: {
      connectionTimeout: deadlineMs,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
    },
  });
  const within = () => ({ abortSignal: AbortSignal.timeout(deadlineMs) });
  const urls = new QueueUrls(library, client, place, within);
  const receivers = new Set<SqsReceiver>();
  // Proves that it answers, and knows us.
  await urls.find("default").catch((error: unknown) => {
    client.destroy();
    throw error;
  });
  return {
    async publish(queues) {
      const send = async (queue: string) => {
        const order = place.fifo && {
          MessageGroupId: queue,
          MessageDeduplicationId: randomUUID(),
        };
        const message = { QueueUrl: await urls.of(queue), MessageBody: queue, ...order };
        await client.send(new library.SendMessageCommand(message), within());
      };
      await Promise.all(queues.map(send));
    },
    async receive(queues, deliver) {
      const found = await Promise.all(queues.map((queue) => urls.of(queue)));
      const receiver = new SqsReceiver({
        library,
        client,
        urls: found,
        deliver,
        deadlineMs,
        onLost,
      });
      receivers.add(receiver);
      receiver.start();
      return receiver;
    },
    // Each request is paid for; a receiver always has one under way, and a publisher learns by its next.
    ping: async () => {},
    async close() {
      for (const receiver of receivers) receiver.drop();
      client.destroy();
    },
  };
}

/** Where our queues are at SQS. They are made when they are not there. */
class QueueUrls {
  readonly #library: SqsLibrary;
  readonly #client: Sqs.SQSClient;
  readonly #place: SqsPlace;
  readonly #within: () => { abortSignal: AbortSignal };
  readonly #urls = new Map<string, Promise<string>>();

  constructor(
    library: SqsLibrary,
    client: Sqs.SQSClient,
    place: SqsPlace,
    within: () => { abortSignal: AbortSignal },
  ) {
    this.#library = library;
    this.#client = client;
    this.#place = place;
    this.#within = within;
  }

  of(queue: string): Promise<string> {
    const url =
      this.#urls.get(queue) ?? this.find(queue).then((found) => found ?? this.#create(queue));
    this.#urls.set(queue, url);
    return url;
  }

  async find(queue: string): Promise<string | undefined> {
    const command = new this.#library.GetQueueUrlCommand({ QueueName: this.#nameOf(queue) });
    try {
      return (await this.#client.send(command, this.#within())).QueueUrl;
    } catch (error) {
      if (error instanceof this.#library.QueueDoesNotExist) return undefined;
      throw error;
    }
  }

  async #create(queue: string): Promise<string> {
    const command = new this.#library.CreateQueueCommand({
      QueueName: this.#nameOf(queue),
      Attributes: {
        MessageRetentionPeriod: String(KEEP_SECONDS),
        VisibilityTimeout: String(REDELIVER_AFTER_MS / 1000),
        ...(this.#place.fifo && { FifoQueue: "true" }),
      },
    });
    const { QueueUrl } = await this.#client.send(command, this.#within());
    if (QueueUrl === undefined) throw new Error(`SQS gave no URL for ${this.#nameOf(queue)}`);
    return QueueUrl;
  }

  /** SQS has letters, digits, _ and -, 80 at most. */
  #nameOf(queue: string): string {
    const { prefix, fifo } = this.#place;
    const fits = /^[a-z0-9_-]{1,40}$/.test(queue);
    const hash = () => createHash("sha256").update(queue).digest("hex").slice(0, 8);
    const name = fits ? queue : `${queue.replace(/[^a-z0-9_-]/g, "_").slice(0, 31)}-${hash()}`;
    return `${prefix}-${name}${fifo ? ".fifo" : ""}`;
  }
}
