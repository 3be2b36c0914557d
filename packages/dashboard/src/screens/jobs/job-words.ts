import type { JobFlow, JobInfo } from "@millrace/core/api";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { rateInWords } from "../../parts/rate-in-words.ts";

/** How it is tried again, in words. */
export function retryInWords({ retry }: JobInfo): string {
  const { maxAttempts, firstDelayMs, factor, maxDelayMs, maxElapsedMs, budget, rules } = retry;
  if (maxAttempts <= 1) return "It is tried once: a failure is final.";
  const growth =
    factor === 1
      ? `after about ${lengthInWords(firstDelayMs)} each`
      : `after up to ${lengthInWords(firstDelayMs)}, then ${factor} times as long each time, ${lengthInWords(maxDelayMs)} at the most`;
  return [
    `Tried up to ${maxAttempts} times: again ${growth}.`,
    maxElapsedMs !== null &&
      `No try starts later than ${lengthInWords(maxElapsedMs)} after the first began.`,
    budget && `At most ${rateInWords(budget)} retries of the job, over all workers.`,
    rules > 0 &&
      `${rules === 1 ? "One rule of its code looks" : `${rules} rules of its code look`} at an error first.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** When, and beside how many others, its runs may start: a sentence each. */
export function flowInWords(flow: JobFlow): string[] {
  const { key, keyLimit, jobLimit, whenFull, keyRate, jobRate, ttlMs } = flow;
  const { debounce, throttle, batch } = flow;
  const of = (path: string | null) => (path === null ? "" : ` with the same ${path}`);
  return [
    jobLimit !== null && `At most ${jobLimit} run at the same time.`,
    keyLimit !== null && `At most ${keyLimit}${of(key)} run at the same time; ${FULL[whenFull]}.`,
    jobRate && `At most ${rateInWords(jobRate)} start.`,
    keyRate && `At most ${rateInWords(keyRate)}${of(key)} start.`,
    ttlMs !== null && `One that has not started after ${lengthInWords(ttlMs)} is cancelled.`,
    debounce &&
      `Requests${of(debounce.key)} within ${lengthInWords(debounce.waitMs)} become one run.`,
    throttle &&
      `One run${of(throttle.key)} in ${lengthInWords(throttle.perMs)}; others are dropped.`,
    batch &&
      `Up to ${batch.size} are handed over together, after ${lengthInWords(batch.waitMs)} at the latest.`,
  ].filter((words) => typeof words === "string");
}

const FULL: Record<string, string> = {
  wait: "more wait",
  skip: "more are cancelled at once",
  "cancel-running": "a new one cancels the oldest that runs",
  "replace-waiting": "a new one takes the place of the one that waits",
};
