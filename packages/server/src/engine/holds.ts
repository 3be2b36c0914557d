import type { Blocker } from "@millrace/core/api";
import type { HeldRow } from "../store/held.ts";
import type { PausedQueueRow } from "../store/queues.ts";

/** One thing that holds a run back, in words that follow "held back: ". */
export interface Hold {
  code: Blocker["code"];
  message: string;
  /** When it is over, where that is known. */
  until: Date | null;
  /** When it began, where that is known. */
  since?: Date | null;
}

/** Everything that the gate has against a run; a list shows the first, an explanation all of it. */
export function holdsOf(job: string, queue: string, held: HeldRow): Hold[] {
  const key = keyName(held.key);
  return [
    paused(
      held.job_disabled ? "job_disabled" : "job_paused",
      `job ${job}`,
      held.job_paused_by,
      held.job_pause_reason,
      held.job_paused_until,
      held.job_paused_at,
    ),
    paused(
      "key_paused",
      `${key} of job ${job}`,
      held.key_paused_by,
      held.key_pause_reason,
      held.key_paused_until,
      held.key_paused_at,
    ),
    full("key_full", key, held.key_limit, held.key_held),
    full("job_full", `job ${job}`, held.job_limit, held.job_held),
    full("queue_full", `queue ${queue}`, held.queue_limit, held.queue_held),
    rate("key_rate", key, held.key_opens_at),
    rate("job_rate", `job ${job}`, held.job_opens_at),
    rate("queue_rate", `queue ${queue}`, held.queue_opens_at),
    filling(held),
  ].filter((hold) => hold !== undefined);
}

/** The hold of a queue that is paused; it holds back also what does not pass the gate. */
export function queuePause(row: PausedQueueRow): Hold {
  const { name, paused_by, pause_reason, paused_until, paused_at } = row;
  return pause("queue_paused", `queue ${name}`, paused_by, pause_reason, paused_until, paused_at);
}

function paused(
  code: Hold["code"],
  what: string,
  by: string | null,
  reason: string | null,
  until: Date | null,
  since: Date | null,
): Hold | undefined {
  return by === null ? undefined : pause(code, what, by, reason, until, since);
}

function pause(
  code: Hold["code"],
  what: string,
  by: string,
  reason: string | null,
  until: Date | null,
  since: Date | null,
): Hold {
  const end = until ? `, until ${until.toISOString()}` : "";
  const how = code === "job_disabled" ? "disabled" : "paused";
  const message = `${what} is ${how} by ${by}${end}${reason ? `: ${reason}` : ""}`;
  return { code, message, until, since };
}

function full(
  code: Hold["code"],
  what: string,
  limit: number | null,
  held: number,
): Hold | undefined {
  if (limit === null || held < limit) return undefined;
  return { code, message: `${what} is full, ${held} of ${limit} running`, until: null };
}

function rate(code: Hold["code"], what: string, at: Date | null): Hold | undefined {
  if (!at) return undefined;
  return {
    code,
    message: `the rate of ${what} lets no run start until ${at.toISOString()}`,
    until: at,
  };
}

function filling({ batch_size, batch_waiting, batch_due }: HeldRow): Hold | undefined {
  if (batch_size === null || !batch_due || (batch_waiting ?? 0) >= batch_size) return undefined;
  const message = `its batch has ${batch_waiting} of ${batch_size}, and starts at ${batch_due.toISOString()} at the latest`;
  return { code: "batch_fills", message, until: batch_due };
}

/** A long one hides the rest of the sentence. */
export function keyName(key: string): string {
  return `key ${JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key)}`;
}
