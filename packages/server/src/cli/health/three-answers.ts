import { formatDuration } from "@millrace/core";
import type { DeadLetterGroup, QueueInfo, WorkerInfo } from "@millrace/core/api";
import { idsByQueue, quietText, resumeCommand } from "../../runtime/quiet-words.ts";
import { count } from "../output/words.ts";

export interface HealthAnswer {
  question: "flow" | "code" | "fresh";
  /** `bad` makes the whole unhealthy. */
  level: "ok" | "warn" | "bad";
  text: string;
}

/** What a server says of itself and what is in its database. */
export interface Look {
  queues: readonly QueueInfo[];
  workers: readonly WorkerInfo[];
  /** Those of the last hour, and the error that most of them have in common. */
  deadLetters: number;
  worstError?: DeadLetterGroup | undefined;
  /** What `/readyz` answers: whether it is, and each check that is not, in words. */
  ready: boolean;
  troubles: readonly string[];
  /** How long the server took to answer. */
  tookMs: number;
  /** Its clock, in milliseconds of Unix time, and that of this machine. */
  serverMs: number;
  hereMs: number;
}

/** A queue that grows is no trouble before something in it has waited for so long. */
const LONG_WAIT_S = 5 * 60;

/** Shares of attempts that fail. */
const MANY_FAIL = 0.1;
const MOST_FAIL = 0.5;

/** With fewer a share is chance. */
const LEAST_ATTEMPTS = 5;

/** Of an error's message. */
const MOST_LETTERS = 200;

const SLOW_MS = 2000;
const SILENT_MS = 60_000;
/** The header that tells a server's time leaves out the rest of a second. */
const CLOCKS_DIFFER_MS = 3000;

/** Is work flowing; is it your code; is what you see fresh: in a sentence or two each. */
export function threeAnswers(look: Look): HealthAnswer[] {
  return [isFlowing(look), isItYourCode(look), isItFresh(look)];
}

function isFlowing({ queues, workers }: Look): HealthAnswer {
  const living = workers.filter(({ state }) => state === "active");
  const slots = living.reduce((sum, { concurrency }) => sum + concurrency, 0);
  const busy = living.reduce((sum, { running }) => sum + running.length, 0);
  const waiting = queues.filter(({ ready, held }) => ready + held > 0);
  const runs = waiting.reduce((sum, { ready, held }) => sum + ready + held, 0);
  const quiet = workers.filter(({ state, quieted }) => state === "draining" && quieted);
  const able = `${count(living.length, "worker")}${quiet.length > 0 ? ` and ${quiet.length} quiet` : ""}`;
  const facts = `${able}, ${busy} of ${count(slots, "slot")} busy, ${count(runs, "run")} waiting`;
  const stuck = waiting.filter((queue) => queue.workers === 0 && !queue.paused);
  const growing = waiting.filter(
    ({ outlook, oldestSeconds }) =>
      outlook?.verdict === "grows" && (oldestSeconds ?? 0) > LONG_WAIT_S,
  );
  const paused = waiting.filter((queue) => queue.paused);
  const others = waiting.filter((queue) => queue.outlook?.verdict === "drains");
  const told = [...stuck, ...growing, ...paused, ...others].slice(0, 3).map(queueText);
  const text = (head: string) =>
    [`${head}: ${facts}`, ...told, ...quietOf(stuck, quiet)].join("; ");
  if (living.length === 0 && runs > 0) {
    const lives = workers.some(({ state }) => state === "draining");
    const head = lives
      ? "nothing starts, for no worker takes anything new"
      : "nothing runs, for no worker lives";
    return { question: "flow", level: "bad", text: text(head) };
  }
  if (stuck.length > 0) return { question: "flow", level: "bad", text: text("not everywhere") };
  if (growing.length > 0) return { question: "flow", level: "bad", text: text("too slowly") };
  if (paused.length > 0) return { question: "flow", level: "warn", text: text("but for pauses") };
  return { question: "flow", level: "ok", text: text("work flows") };
}

/** Whom to wake for what nobody takes, of the first queue that somebody quiet would take from. */
function quietOf(stuck: readonly QueueInfo[], quiet: readonly WorkerInfo[]): string[] {
  const takers = idsByQueue(quiet);
  const name = stuck.find((queue) => takers.has(queue.name))?.name;
  const ids = name === undefined ? undefined : takers.get(name);
  return ids ? [`${quietText(ids, `from queue ${name}`)}; ${resumeCommand(ids)}`] : [];
}

function queueText({ name, ready, held, oldestSeconds, outlook, paused }: QueueInfo): string {
  const oldest = formatDuration(Math.max(0, (oldestSeconds ?? 0) * 1000));
  const how = paused ? `paused by ${paused.by}` : (outlook?.words ?? "how fast is not told");
  return `queue ${name}: ${count(ready + held, "run")}, the oldest for ${oldest}, ${how}`;
}

function isItYourCode({ workers, deadLetters, worstError }: Look): HealthAnswer {
  const living = workers.filter(({ state }) => state === "active" || state === "draining");
  const ended = living.reduce((sum, worker) => sum + (worker.attemptsPerMinute ?? 0), 0);
  const failed = living.reduce((sum, worker) => sum + (worker.failuresPerMinute ?? 0), 0);
  const share = ended < LEAST_ATTEMPTS ? 0 : failed / ended;
  const lost = workers.filter(({ state }) => state === "lost").length;
  const rates = `${perMinute(failed)} of ${perMinute(ended)} attempts a minute fail`;
  const dead = worstError ? `; ${deadText(deadLetters, worstError)}` : "";
  const died = lost > 0 ? `; ${count(lost, "worker")} died within the hour` : "";
  const text = (head: string) => `${head}: ${rates}${dead}${died}`;
  if (share >= MOST_FAIL) {
    return { question: "code", level: "bad", text: text("it is your code, or what it calls") };
  }
  if (share >= MANY_FAIL || lost > 0 || worstError) {
    return { question: "code", level: "warn", text: text("partly your code, or what it calls") };
  }
  return { question: "code", level: "ok", text: text("your code is well") };
}

function deadText(all: number, { count: n, errorClass, jobs, sample }: DeadLetterGroup): string {
  const where = jobs.slice(0, 3).join(", ") + (jobs.length > 3 ? " and others" : "");
  const error = `${errorClass} in ${where}: ${brief(sample.message)}`;
  return `${count(all, "dead letter")} within the hour, ${shareText(n, all)}${error}`;
}

function shareText(n: number, all: number): string {
  if (all === 1) return "";
  if (n === all) return "all of them ";
  if (n > all / 2) return "most of them ";
  return n === 1 ? "such as " : `${n} of them `;
}

/** The first line of a message, to be followed by the end of a sentence; cut between two words, for half a URL reads like another. */
function brief(message: string): string {
  const line = message.trimStart().split("\n", 1)[0]!.trimEnd();
  if (line.length <= MOST_LETTERS) return line.replace(/[.;]$/, "");
  const start = line.slice(0, MOST_LETTERS + 1);
  const words = start.replace(/\s+\S*$/, "");
  return `${words === start ? line.slice(0, MOST_LETTERS) : words}…`;
}

function perMinute(n: number): string {
  return n > 0 && n < 10 ? n.toFixed(1) : Math.round(n).toLocaleString("en-GB");
}

function isItFresh({ ready, troubles, tookMs, serverMs, hereMs, workers }: Look): HealthAnswer {
  const living = workers.filter(({ state }) => state === "active" || state === "draining");
  const silentMs = living.map(({ seenAt }) => Math.max(0, serverMs - Date.parse(seenAt)));
  const stalest = Math.max(0, ...silentMs);
  const skewMs = serverMs - hereMs;
  const facts = [
    `the server answered within ${formatDuration(tookMs)}`,
    ...(living.length > 0 ? [`all workers were seen within ${formatDuration(stalest)}`] : []),
  ];
  const wrong = [
    ...troubles,
    ...(tookMs > SLOW_MS ? ["it answers slowly"] : []),
    ...(stalest > SILENT_MS
      ? ["a worker is silent, and nobody has declared it lost: is there a maintenance process?"]
      : []),
    ...(Math.abs(skewMs) > CLOCKS_DIFFER_MS
      ? [
          `its clock is ${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} this machine's, so ages are off by that`,
        ]
      : []),
  ];
  const told = [...facts, ...wrong].join("; ");
  if (!ready) return { question: "fresh", level: "bad", text: `not sure: ${told}` };
  if (wrong.length > 0) return { question: "fresh", level: "warn", text: `with care: ${told}` };
  return { question: "fresh", level: "ok", text: `what you see is fresh: ${told}` };
}
