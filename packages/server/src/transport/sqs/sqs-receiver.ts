import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { type Deliver, REDELIVER_AFTER_MS, type SessionReceiver } from "../session.ts";
import { BatchPull } from "../batch-pull.ts";
import type { SqsLibrary } from "./sqs-session.ts";

/** The most that SQS allows: it keeps a question for messages so long, and costs the least then. */
const WAIT_SECONDS = 20;

/** The most that SQS gives at once. */
const BATCH = 10;

export interface SqsReceiverOptions {
  library: SqsLibrary;
  client: SQSClient;
  /** Of queues at SQS. Each is asked by itself. */
  urls: readonly string[];
  deliver: Deliver;
  deadlineMs: number;
  onLost: (error: unknown) => void;
}

/** Asks each of its queues. */
export class SqsReceiver implements SessionReceiver {
  readonly #polls: Poll[];

  constructor(options: SqsReceiverOptions) {
    this.#polls = options.urls.map((url) => new Poll(options, url));
  }

  start(): void {
    for (const poll of this.#polls) poll.start();
  }

  pause(): void {
    for (const poll of this.#polls) poll.pause();
  }

  resume(): void {
    for (const poll of this.#polls) poll.resume();
  }

  drop(): void {
    for (const poll of this.#polls) poll.drop();
  }

  async close(): Promise<void> {
    await Promise.all(this.#polls.map((poll) => poll.close()));
  }
}

class Poll {
  readonly #options: SqsReceiverOptions;
  readonly #url: string;
  readonly #pull: BatchPull<Message>;
  #asking: AbortController | undefined;

  constructor(options: SqsReceiverOptions, url: string) {
    this.#options = options;
    this.#url = url;
    this.#pull = new BatchPull({
      next: () => this.#ask(),
      textOf: ({ Body }) => Body ?? "",
      acknowledge: (messages) => this.#delete(messages),
      deliver: options.deliver,
      onLost: options.onLost,
    });
  }

  start(): void {
    this.#pull.start();
  }

  /** The question that is under way goes on: SQS would hide for a while what it is just answering. */
  pause(): void {
    this.#pull.pause();
  }

  resume(): void {
    this.#pull.resume();
  }

  drop(): void {
    this.#pull.drop();
    this.#asking?.abort();
  }

  async close(): Promise<void> {
    this.drop();
    const unanswered = await this.#pull.close();
    if (unanswered.length === 0) return;
    // They would be hidden from the others until their time is over.
    const { library, client, deadlineMs } = this.#options;
    const command = new library.ChangeMessageVisibilityBatchCommand({
      QueueUrl: this.#url,
      Entries: entriesOf(unanswered).map((entry) => ({ ...entry, VisibilityTimeout: 0 })),
    });
    await client.send(command, { abortSignal: AbortSignal.timeout(deadlineMs) });
  }

  async #ask(): Promise<Message[]> {
    const { library, client, deadlineMs } = this.#options;
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(), WAIT_SECONDS * 1000 + deadlineMs);
    try {
      const command = new library.ReceiveMessageCommand({
        QueueUrl: this.#url,
        MaxNumberOfMessages: BATCH,
        WaitTimeSeconds: WAIT_SECONDS,
        VisibilityTimeout: REDELIVER_AFTER_MS / 1000,
      });
      const { Messages = [] } = await client.send(command, { abortSignal: asking.signal });
      return Messages;
    } finally {
      clearTimeout(late);
    }
  }

  async #delete(messages: readonly Message[]): Promise<void> {
    const { library, client, deadlineMs } = this.#options;
    const command = new library.DeleteMessageBatchCommand({
      QueueUrl: this.#url,
      Entries: entriesOf(messages),
    });
    await client.send(command, { abortSignal: AbortSignal.timeout(deadlineMs) });
  }
}

function entriesOf(messages: readonly Message[]): { Id: string; ReceiptHandle: string }[] {
  return messages.map(({ ReceiptHandle = "" }, index) => ({ Id: String(index), ReceiptHandle }));
}
