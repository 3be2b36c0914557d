import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { type Deliver, REDELIVER_AFTER_MS, type SessionReceiver } from "../session.ts";
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

/** Asks for a batch, waits until all of it is answered, deletes it, asks for the next. */
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
  readonly #unanswered = new Set<Message>();
  readonly #answered: Message[] = [];
  #asking: AbortController | undefined;
  #paused = false;
  #dropped = false;
  #polling: Promise<void> = Promise.resolve();
  /** Ends the wait for answers, or for the end of a pause. */
  #goOn: () => void = () => {};

  constructor(options: SqsReceiverOptions, url: string) {
    this.#options = options;
    this.#url = url;
  }

  start(): void {
    this.#polling = this.#poll().catch((error: unknown) => {
      if (!this.#dropped) this.#options.onLost(error);
    });
  }

  /** The question that is under way goes on: SQS would hide for a while what it is just answering. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#goOn();
  }

  drop(): void {
    this.#dropped = true;
    this.#goOn();
    this.#asking?.abort();
  }

  async close(): Promise<void> {
    this.drop();
    await this.#polling;
    const { library, client, deadlineMs } = this.#options;
    await this.#delete();
    // They would be hidden from the others until their time is over.
    if (this.#unanswered.size > 0) {
      const command = new library.ChangeMessageVisibilityBatchCommand({
        QueueUrl: this.#url,
        Entries: entriesOf([...this.#unanswered]).map((entry) => ({
          ...entry,
          VisibilityTimeout: 0,
        })),
      });
      await client.send(command, { abortSignal: AbortSignal.timeout(deadlineMs) });
    }
  }

  async #poll(): Promise<void> {
    while (!this.#dropped) {
      await this.#until(() => !this.#paused);
      if (this.#dropped) return;
      const messages = await this.#ask();
      for (const message of messages) this.#unanswered.add(message);
      for (const message of messages) {
        this.#options.deliver(message.Body ?? "", () => {
          if (this.#unanswered.delete(message)) this.#answered.push(message);
          if (this.#unanswered.size === 0) this.#goOn();
        });
      }
      await this.#until(() => this.#unanswered.size === 0);
      if (!this.#dropped) await this.#delete();
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!this.#dropped && !holds()) {
      await new Promise<void>((resolve) => {
        this.#goOn = resolve;
      });
    }
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

  async #delete(): Promise<void> {
    const messages = this.#answered.splice(0);
    if (messages.length === 0) return;
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
