/**
 * A transport rings workers; it never carries work. `ready` in PostgreSQL is the truth until a claim has committed, so a
 * transport may lose, repeat, delay, reorder or forge what it carries and only ever cause delay: workers look by
 * themselves once a second, and that is all there is while it is away.
 *
 * A message is the name of a queue that has got runs, and nothing else: see message.ts.
 */
export interface Transport {
  /** One word, for metrics: `postgres`, `redis`, `rabbitmq`, `sqs`, `memory`. */
  readonly name: string;
  /** For people, without user or password: what it is, and where. */
  readonly words: string;
  readonly capabilities: Capabilities;
  /**
   * Says that these queues have got runs that may start now.
   *
   * @throws when it is not known whether the messages went out; within the transport's deadline
   */
  publish(queues: readonly string[]): Promise<void>;
  /** Hands over each message about one of `queues`, also after the broker was away. It need not be there now. */
  receive(
    queues: readonly string[],
    onDelivery: (delivery: Delivery) => void,
  ): Promise<TransportReceiver>;
  /** @throws Error that says why no message goes out or comes in now; it holds nothing secret */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface Capabilities {
  /** Whether a message goes to one receiver of its queue, or to all of them. */
  readonly audience: "one" | "all";
  /** Whether a message waits while nobody receives. */
  readonly keeps: boolean;
  /** Whether a message whose receiver went away without an answer comes to another. */
  readonly redelivers: boolean;
  /** Whether only those who may write to the database can ring. */
  readonly trusted: boolean;
}

/** A message, until it is answered; the second answer does nothing, and an answer may be lost: then it comes again. */
export interface Delivery {
  readonly queue: string;
  /** A claim that began after the message came has committed: there is nothing more that it could say. */
  acknowledge(): void;
  /**
   * Hands it on: the runs that it tells of may be more than this receiver can take. Where the audience is all, everybody
   * has heard it already, and this does nothing.
   */
  release(): void;
}

export interface TransportReceiver {
  /** Until {@link resume}, messages go to others; one that was on its way here is handed on. */
  pause(): void;
  resume(): void;
  /** Messages that were not answered go to others. */
  close(): Promise<void>;
}

/** Why a message was thrown away. */
export type DropReason = "malformed" | "other_queue";

/** Told of what a transport does, for metrics. */
export interface TransportObserver {
  onState(up: boolean): void;
  /** Together, which took so many milliseconds. */
  onPublished(messages: number, ms: number): void;
  onPublishError(): void;
  onReceived(): void;
  onDropped(reason: DropReason): void;
}
