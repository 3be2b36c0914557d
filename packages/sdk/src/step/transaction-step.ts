import { refusal } from "./refusal.ts";
import type { StepContext } from "./step.ts";

/** Opens a transaction of a library's around a function: commits what it did when it returns, rolls back when it throws. */
export type Begin<Tx> = (work: (tx: Tx) => Promise<void>) => PromiseLike<unknown>;

/** What a step's transaction needs of the steps around it. */
interface TransactionHost {
  readonly call: () => StepContext;
  /** The text of what it gave. @throws MillraceError when that cannot be recorded */
  readonly admit: (value: unknown) => string;
  /** Records that in the transaction. */
  readonly record: (tx: unknown, text: string) => Promise<void>;
  /** Whether it is on record, now that the transaction has ended. */
  readonly isKept: () => Promise<boolean>;
}

/** What a transaction has failed with that was said to be committed, and left nothing. */
class NotCommitted extends Error {
  override readonly name = "NotCommitted";
}

/**
 * Runs a function in a transaction, and records there what it gives.
 *
 * @returns the text of that, which is on record
 * @throws whatever `begin` and `fn` throw; MillraceError `invalid_step` when `begin` never calls its function
 */
export async function inOwnTransaction<Tx>(
  begin: Begin<Tx>,
  fn: (tx: Tx, step: StepContext) => unknown,
  what: string,
  { call, admit, record, isKept }: TransactionHost,
): Promise<string> {
  let text: string | undefined;
  try {
    await begin(async (tx) => {
      // Begin may call it again, when the transaction of the first time was rolled back: then the last one counts.
      text = undefined;
      const given = admit(await fn(tx, call()));
      await record(tx, given);
      text = given;
    });
  } catch (error) {
    // It may have been committed, and only the answer was lost.
    if (text !== undefined && (await isKept().catch(() => false))) return text;
    throw error;
  }
  if (text === undefined) {
    throw refusal(
      "invalid_step",
      `${what}: the second argument returned, and has not run what it was given in a transaction, or not to its end; write for example (work) => db.transaction(work)`,
    );
  }
  // One in which a statement has failed is rolled back by "commit", without an error.
  if (await isKept()) return text;
  throw new NotCommitted(
    `${what} was recorded in a transaction that was not committed, though that returned; nothing of it is there`,
  );
}
