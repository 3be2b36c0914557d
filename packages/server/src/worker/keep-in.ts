import type { NewCheckpoint } from "@millrace/sdk";
import type { AttemptHold, Transaction } from "@millrace/sdk/sql";

/**
 * Records a step in a transaction of the handler's own, through the lease of its attempt.
 *
 * @throws MillraceError `invalid_transaction`, and those of `keepStepIn`
 */
export async function keepIn(
  tx: Transaction,
  checkpoint: NewCheckpoint,
  hold: AttemptHold,
): Promise<void> {
  // Loaded when it is needed: it would double the time that a process of its own takes to start.
  const { askerOf, keepStepIn } = await import("@millrace/sdk/sql");
  await keepStepIn(askerOf(tx), hold, checkpoint);
}
