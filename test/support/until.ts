import { setTimeout as sleep } from "node:timers/promises";

/**
 * Polls until the probe answers something other than `undefined`, `null` or `false`, and returns that.
 *
 * @param what what is awaited, for the message: "run 42 is completed"
 * @param options.deadlineMs default 60 000: generous, because a test machine is busy; it costs only a failing test
 * @throws Error that names `what`, the last answer, and the probe's last error as its cause. A probe that throws is
 *   asked again.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: { deadlineMs?: number } = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadlineMs = options.deadlineMs ?? 60_000;
  const started = performance.now();
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    const answer = await ask(probe);
    if (answer.met) return answer.value;
    if (performance.now() - started > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}; ${answer.seen}`, {
        cause: answer.error,
      });
    }
    await sleep(pauseMs);
  }
}

type Answer<T> = { met: true; value: T } | { met: false; seen: string; error?: unknown };

async function ask<T>(
  probe: () => T | Promise<T>,
): Promise<Answer<Exclude<T, undefined | null | false>>> {
  try {
    const value = await probe();
    if (value === undefined || value === null || value === false) {
      return { met: false, seen: `the last answer was ${String(value)}` };
    }
    return { met: true, value: value as Exclude<T, undefined | null | false> };
  } catch (error) {
    return { met: false, seen: `the last probe failed: ${String(error)}`, error };
  }
}
