import type { QueueInfo } from "@millrace/core/api";
import { lengthInWords } from "../../parts/length-in-words.ts";

export interface Limits {
  concurrency: number | null;
  rate: { limit: number; perMs: number } | null;
  maxDepth: number | null;
}

type Counted = Pick<QueueInfo, "running" | "ready" | "held" | "scheduled" | "workers">;

/** What limits would do at this moment, a sentence each. */
export function effectOf(queue: Counted, { concurrency, rate, maxDepth }: Limits): string[] {
  return [
    concurrencyEffect(queue, concurrency),
    rateEffect(queue, rate),
    depthEffect(queue, maxDepth),
  ];
}

function concurrencyEffect({ running, ready, held }: Counted, limit: number | null): string {
  if (limit === null) return "As many run at a time as its workers have slots for.";
  const now = `${count(running, "runs", "run")} now`;
  if (running > limit) {
    return `${now}, ${running - limit} more than that: they go on, and none starts until ${running - limit + 1} have ended.`;
  }
  if (running === limit) return `${now}, so the next starts when one has ended.`;
  const more = Math.min(limit - running, ready + held);
  return `${now}; ${more === 0 ? "nothing waits to start beside" : `up to ${more} of ${ready + held} waiting may start at once`}.`;
}

function rateEffect({ ready, held }: Counted, rate: Limits["rate"]): string {
  if (rate === null) return "They start as fast as workers take them.";
  const pace = `At most ${perMinute(rate)} a minute start`;
  const waiting = ready + held;
  if (waiting === 0) return `${pace}; nothing waits now.`;
  const ms = (waiting / rate.limit) * rate.perMs;
  return `${pace}: the ${waiting.toLocaleString("en")} that wait now take ${lengthInWords(ms)} at the least.`;
}

function depthEffect({ ready, held, scheduled }: Counted, maxDepth: number | null): string {
  if (maxDepth === null) return "Any number may wait.";
  const waiting = ready + held + scheduled;
  if (waiting < maxDepth) {
    return `${count(waiting, "waits", "wait")} now: ${(maxDepth - waiting).toLocaleString("en")} more are taken before new runs are refused.`;
  }
  return `${count(waiting, "waits", "wait")} now, so new runs are refused at once, until fewer than ${maxDepth.toLocaleString("en")} wait.`;
}

function count(n: number, one: string, many: string): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

function perMinute({ limit, perMs }: { limit: number; perMs: number }): string {
  return (Math.round(((limit * 60_000) / perMs) * 100) / 100).toLocaleString("en");
}
