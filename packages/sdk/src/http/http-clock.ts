import { setTimeout as pause } from "node:timers/promises";

/** Time, for what must not look at a clock of its own. */
export interface HttpClock {
  /** Milliseconds on a clock that only goes on. */
  now(): number;
  /** Milliseconds of Unix time: what other servers name instants by. */
  wall(): number;
  /** Rejects with the signal's reason as soon as that is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const SYSTEM_CLOCK: HttpClock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await pause(ms, undefined, { signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  },
};
