import { outlookInWords } from "@millrace/core";
import type { QueueInfo } from "@millrace/core/api";
import { tick } from "../../data/live.ts";

/** The queue with its counts of this second, where the server tells them by itself. To be read while a page is drawn. */
export function asOfNow(queue: QueueInfo): QueueInfo {
  const counted = tick.value?.queues.find(({ name }) => name === queue.name);
  if (!counted) return queue;
  const { ready, held, running, oldestSeconds, outlook } = counted;
  const told = ready + held === 0 ? nothingWaits(queue.outlook) : queue.outlook;
  return { ...queue, ready, held, running, oldestSeconds, outlook: outlook ?? told };
}

/** Of a queue that has become empty it is not told. */
function nothingWaits(outlook: QueueInfo["outlook"]): QueueInfo["outlook"] {
  if (!outlook || outlook.verdict === "empty") return outlook;
  const empty = { ...outlook, verdict: "empty" as const };
  return { ...empty, words: outlookInWords(empty) };
}

/** A measured pace: one digit where it is small. */
export function paceInWords(perMinute: number | null): string {
  if (perMinute === null) return "–";
  return perMinute < 10
    ? String(Math.round(perMinute * 10) / 10)
    : Math.round(perMinute).toLocaleString("en");
}

/** What will become of what waits, in one line: the server's words, or what the counts alone tell to whom it shows but a part of the queue. */
export function outlookOf(queue: QueueInfo): { words: string; bad: boolean } {
  const { outlook, paused, ready, held, workers, running, concurrency } = queue;
  const bad = ["no_worker", "grows"].includes(outlook?.verdict ?? "");
  if (outlook) {
    return { words: outlook.words.charAt(0).toUpperCase() + outlook.words.slice(1), bad };
  }
  if (paused) return { words: "Nothing starts while it is paused", bad: false };
  if (ready + held === 0) return { words: "Nothing waits", bad: false };
  if (workers === 0) return { words: "No worker takes from it", bad: true };
  if (ready === 0) return { words: `${held.toLocaleString("en")} held back by limits`, bad: false };
  if (concurrency !== null && running >= concurrency) {
    return { words: `Full: ${running} run, of ${concurrency} at most`, bad: false };
  }
  return { words: "Workers take from it", bad: false };
}
