import { STEP_LIMITS, fromStepText } from "@millrace/core";
import type { Transaction } from "../sql/transaction.ts";
import type { StepPlace } from "./checkpoints.ts";
import { refusal } from "./refusal.ts";
import type { StepContext } from "./step.ts";
import type { StepGround } from "./step-ground.ts";
import { textOf } from "./step-place.ts";

/** Opens a transaction of a library's around a function: commits what it did when it returns, rolls back when it throws. */
export type Begin<Tx> = (work: (tx: Tx) => Promise<void>) => PromiseLike<unknown>;

/** What the author writes in a transaction. */
export type TransactionFunction = (tx: Transaction, step: StepContext) => unknown;

/** What a transaction has failed with that was said to be committed, and left nothing. */
class NotCommitted extends Error {
  override readonly name = "NotCommitted";
}

/** {@link Step.transaction}: what it gave, from the record, or from a transaction that is committed. */
export async function transactionStep(
  ground: StepGround,
  name: string,
  begin: Begin<Transaction>,
  fn: TransactionFunction,
): Promise<unknown> {
  const place = ground.placeOf(name, "transaction");
  if (typeof begin !== "function" || typeof fn !== "function") {
    throw refusal(
      "invalid_step",
      `${textOf(place)}: give it a function that opens a transaction, such as (work) => db.transaction(work), and one that writes in it`,
    );
  }
  return await ground.busy(async () => {
    const known = await ground.recall(place);
    if (known) return fromStepText(known.value!);
    await ground.goOn(place);
    const traced = () => ground.traced(place, () => make(ground, place, begin, fn));
    return fromStepText(await ground.budget.counted(traced));
  });
}

async function make(
  ground: StepGround,
  place: StepPlace,
  begin: Begin<Transaction>,
  fn: TransactionFunction,
): Promise<string> {
  const { checkpoints, budget, deliveries, signal } = ground;
  const startedAt = performance.now();
  const step: StepContext = {
    get signal() {
      return signal();
    },
  };
  // When it is recorded, not when it begins: what ends before it need not wait for it.
  let seq: number | undefined;
  const work = async (tx: Transaction): Promise<string> => {
    const value = budget.admit(
      await ground.within(place.name, () => fn(tx, step)),
      textOf(place),
      STEP_LIMITS.valueBytes,
    );
    ground.requireGoingOn();
    seq ??= deliveries.issue();
    const tookMs = performance.now() - startedAt;
    await checkpoints.keepIn(tx, { ...place, seq, tookMs, value });
    return value;
  };
  try {
    const text = await committed(begin, work, textOf(place), () => checkpoints.isKept(place));
    await deliveries.turn(seq!);
    return text;
  } catch (error) {
    if (seq !== undefined) deliveries.drop(seq);
    throw error;
  }
}

/**
 * Runs work in a transaction that records what it gives.
 *
 * @returns that, once it is on record
 * @throws whatever both throw; MillraceError `invalid_step` when `begin` never calls its function
 */
async function committed(
  begin: Begin<Transaction>,
  work: (tx: Transaction) => Promise<string>,
  what: string,
  isKept: () => Promise<boolean>,
): Promise<string> {
  let text: string | undefined;
  try {
    await begin(async (tx) => {
      // Begin may call it again, when the transaction of the first time was rolled back: then the last one counts.
      text = undefined;
      text = await work(tx);
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
