import { NonRetryableError } from "@millrace/sdk";
import type { AttemptHold, Transaction } from "@millrace/sdk/sql";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import { outputText } from "./output-text.ts";

/**
 * The transactions of a handler's own in which it has completed its run. Each may have been committed or rolled back, and
 * only the database knows: see {@link Settler.wasCompleted}.
 */
export class OwnTransaction {
  #begun = false;
  readonly #onBegin: () => void;

  /** @param onBegin called before the database is asked */
  constructor(onBegin: () => void = () => {}) {
    this.#onBegin = onBegin;
  }

  /** Whether the outcome may be on record already, and is not to be recorded in another way before that is known. */
  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begun = true;
    this.#onBegin();
  }

  async complete<Output>(
    tx: Transaction,
    output: Output,
    hold: AttemptHold,
    job: string,
    seal?: RunSeal,
  ) {
    const text = textOrFailure(output, job);
    // Loaded when it is needed: it would double the time that a process of its own takes to start.
    const { askerOf, completeRun } = await import("@millrace/sdk/sql");
    const ask = askerOf(tx);
    this.begin();
    await completeRun(ask, hold, seal ? seal.json("output", text ?? "null") : (text ?? "null"));
    return output;
  }
}

/** Thrown to the handler, it fails the run as the same value would that is returned: another attempt would give it again. */
class InvalidOutput extends NonRetryableError {
  override readonly name = "InvalidOutput";
}

function textOrFailure(output: unknown, job: string): string | null {
  try {
    return outputText(output, job);
  } catch (error) {
    throw new InvalidOutput(error instanceof Error ? error.message : "it cannot be looked at");
  }
}

/** What an attempt failed with whose handler returned although its transaction was not committed. */
export class NotCommitted extends Error {
  override readonly name = "NotCommitted";

  constructor() {
    super(
      "the handler completed the run in a transaction, and returned, but that transaction was rolled back; nothing of it is there",
    );
  }
}
