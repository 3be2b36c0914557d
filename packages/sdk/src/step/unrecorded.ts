import { askerOf } from "../sql/transaction.ts";
import type { Checkpoints, NewWait, Taken, Wait } from "./checkpoints.ts";
import { refusal } from "./refusal.ts";
import { keyOf } from "./step-place.ts";

/** The checkpoints of a call that no run stands behind: steps of any kind simply run, sleeps wait in place, children are called. */
export function unrecorded(): Checkpoints {
  const ends = new Map<string, number>();
  return {
    read: () =>
      Promise.resolve({
        checkpoints: [],
        waits: [],
        intents: [],
        compensates: true,
        unwinding: null,
      }),
    keep: () => Promise.resolve(),
    note: () => Promise.resolve({ ...until(Infinity), answer: null }),
    keepIn: async (tx) => {
      // A handle that a worker would refuse is refused here, too.
      askerOf(tx);
    },
    isKept: () => Promise.resolve(true),
    link: () => Promise.reject(refusal("invalid_step", "a call has no approvals")),
    ask: async (wait) => {
      requireSleep(wait);
      // By this process's clock: there is no other.
      const dueMs = wait.untilMs ?? Date.now() + wait.forMs!;
      ends.set(keyOf(wait), dueMs);
      return until(dueMs);
    },
    take: async (place): Promise<Taken | Wait> => {
      const wait = until(ends.get(keyOf(place))!);
      return wait.restMs > 0 ? wait : { taken: true, value: null, failed: false };
    },
    willCompensate: () => Promise.resolve(),
    unwound: () => Promise.resolve(),
    publish: () => Promise.resolve(),
    callsHere: true,
  };
}

function until(dueMs: number): Wait {
  return { restMs: Math.max(0, dueMs - Date.now()), dueMs, met: false };
}

function requireSleep({ event, approval, name }: NewWait): void {
  if (approval) {
    throw refusal(
      "invalid_step",
      `step ${JSON.stringify(name)} asks for approval, and answers reach only runs on record; enqueue the job instead of calling it`,
    );
  }
  if (!event) return;
  throw refusal(
    "invalid_step",
    `step ${JSON.stringify(name)} waits for event ${event.name}, which reaches only runs on record; enqueue the job instead of calling it`,
  );
}
