import { setTimeout as pause } from "node:timers/promises";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";
import { harmless, harmlessJson } from "./output/harmless.ts";

const LOOK_EVERY_MS = 250;

/** Something that the server sends to somebody, as far as it has come. */
interface Sent {
  outcome: string | null;
  /** What the last attempt was answered, over HTTP. */
  status: number | null;
  error: string | null;
  lastAttemptAt: string | null;
}

/**
 * What is sent, once it was tried since, or as it is when that takes too long.
 *
 * @param lastAttemptAt as it was before
 */
export async function tried<S extends Sent>(
  look: () => Promise<S>,
  { lastAttemptAt, waitMs }: { lastAttemptAt: string | null; waitMs: number },
): Promise<S> {
  const until = performance.now() + waitMs;
  for (;;) {
    const sent = await look();
    if (sent.lastAttemptAt !== lastAttemptAt || performance.now() > until) return sent;
    await pause(LOOK_EVERY_MS);
  }
}

/** Says what came of it. */
export function tellTried(cli: Cli, sent: Sent, { json }: { json?: boolean }): number {
  const { outcome, status, error, lastAttemptAt } = sent;
  if (json) cli.out.line(harmlessJson({ v: 1, ...sent }));
  else if (outcome === "delivered") {
    cli.out.line(`✓ Delivered${status === null ? "" : `, and answered ${status}`}`);
  } else if (lastAttemptAt === null) cli.warn("it was not tried yet; does the maintenance run?");
  else cli.out.line(`✕ Not delivered: ${harmless(error ?? "it was dropped")}`);
  return outcome === "delivered" ? EXIT.done : EXIT.failed;
}
