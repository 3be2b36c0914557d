import { setTimeout as sleep } from "node:timers/promises";
import { type Context, RetryAfterError } from "@millrace/sdk";
import { type Page, SourceUnavailable, fetchPage } from "./fetch-page.ts";

/** A longer wait is spent outside the handler. */
const LONGEST_WAIT_MS = 15_000;

/** Failures in a row, after which the attempt gives up; a page that comes starts the count again. */
const PATIENCE = 6;

export interface Troubles {
  /** Answers 429. */
  limited: number;
  /** Requests repeated for another reason. */
  repeated: number;
}

/**
 * {@link fetchPage}, with patience: short troubles are waited out here, because a limit that says "wait a second" every
 * few pages would use up the run's attempts. A long `Retry-After` becomes a {@link RetryAfterError}: the run leaves the
 * worker, and goes on from its checkpoint when the source wants it.
 */
export async function patientFetch(
  url: URL,
  ask: { after: string | undefined; limit: number },
  ctx: Context,
  troubles: Troubles,
): Promise<Page> {
  for (let failures = 1; ; failures++) {
    try {
      return await fetchPage(url, ask, ctx.signal);
    } catch (error) {
      if (!(error instanceof SourceUnavailable)) throw error;
      if (error.limited) troubles.limited++;
      else troubles.repeated++;
      const waitMs = error.retryAfterMs ?? backoffMs(failures);
      ctx.log.debug(`${error.message}; again in ${Math.round(waitMs)} ms`, { failures });
      if (waitMs > LONGEST_WAIT_MS)
        throw new RetryAfterError(error.message, waitMs, { cause: error });
      // Being told when to come back is no failure.
      if (error.limited && error.retryAfterMs !== undefined) failures--;
      if (failures >= PATIENCE) throw error;
      await wait(waitMs, ctx.signal);
    }
  }
}

/** Full jitter between nothing and a bound that doubles from 0.2 s to 5 s. */
function backoffMs(failures: number): number {
  return Math.random() * Math.min(5000, 200 * 2 ** (failures - 1));
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
