/**
 * One connection to a broker, from when it is there until it is lost: all that an adapter has to write. That it comes
 * back, what is done meanwhile, deadlines, checks of what comes in, and counting are the same for all: linked-transport.ts.
 */
export interface Session {
  /** Resolves when the broker has taken the messages. */
  publish(queues: readonly string[]): Promise<void>;
  /**
   * Hands over what comes for these queues: at most {@link MAX_UNANSWERED} for each of them before it is answered.
   */
  receive(queues: readonly string[], deliver: Deliver): Promise<SessionReceiver>;
  /** Resolves when the broker answers. */
  ping(): Promise<void>;
  /** Ends it, also one that is lost, and never waits for a broker that is silent. */
  close(): Promise<void>;
}

export interface SessionReceiver {
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

export type Deliver = (content: string | Uint8Array, acknowledge: () => void) => void;

/**
 * @param onLost called when the session has ended or does not work any more; more than once does no harm
 * @throws when there is none to be had now
 */
export type Connect = (onLost: (error: unknown) => void) => Promise<Session>;

/** A claim answers all that came before it, so one that is late has many to answer. */
export const MAX_UNANSWERED = 100;

/** Rings that nobody hears yet say all the same thing; more of them for a queue are not kept. */
export const MAX_KEPT = 1000;

/**
 * A message whose receiver was killed comes to another after so long. Nobody waits for that, for workers look by themselves
 * much sooner; so it may be longer than any claim takes, and what a slow database holds up does not go round.
 */
export const REDELIVER_AFTER_MS = 60_000;
