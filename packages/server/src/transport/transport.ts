/**
 * A transport rings workers; it never carries work. `ready` in PostgreSQL is the truth until a claim has committed, so a
 * transport may lose, repeat, delay, reorder or forge what it carries and only ever cause delay: workers look by
 * themselves once a second.
 */
export interface Transport {
  readonly name: string;
  /** Says that these queues have got runs that may start now. */
  publish(queues: readonly string[]): Promise<void>;
  /** Calls back with the queue for each message about one of `queues`, and after every reconnect for all of them. */
  receive(queues: readonly string[], onMessage: (queue: string) => void): Promise<Receiver>;
  /** @throws when the transport cannot deliver now */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface Receiver {
  close(): Promise<void>;
}
