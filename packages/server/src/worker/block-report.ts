import { formatDuration } from "@millrace/core";
import { keepEvent } from "../store/events.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Attempt } from "./attempt.ts";
import type { Blocked } from "./loop-watch.ts";

/** On so many runs at the most it is put on record that they were running meanwhile. */
const MAX_EVENTS = 250;

/**
 * Says how long the event loop was blocked, where, and what was running: in the log, and on record with each of the runs.
 *
 * @param attempts those that are executed on the event loop
 * @param worker through whose leases it is recorded; undefined while there is none, and then only the log has it
 */
export async function reportBlock(
  { ms, frames }: Blocked,
  attempts: readonly Attempt[],
  { db, logger, worker }: { db: Queryable; logger: Logger; worker: number | undefined },
): Promise<void> {
  const where = frames.find((frame) => !frame.includes("(node:"));
  logger.warn(
    {
      event: "event_loop.blocked",
      blockedMs: ms,
      frames,
      running: attempts.length,
      runs: attempts.slice(0, 20).map(({ run: { id: run, job } }) => ({ run, job })),
    },
    `the event loop was blocked for ${formatDuration(ms)}${where ? ` in ${where}` : ""}`,
  );
  const noted = attempts.slice(0, MAX_EVENTS);
  if (worker === undefined || noted.length === 0) return;
  await keepEvent(
    db,
    worker,
    noted.map(({ run }) => run.leaseId),
    noted.map(({ run }) => run.id),
    "event loop blocked",
    JSON.stringify({ ms, frames: frames.slice(0, 3) }),
  );
}
