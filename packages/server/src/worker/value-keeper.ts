import { STORED_LIMITS, type ValueLimits, byteLength, storedValueText } from "@millrace/core";
import type { Checkpoint, NewCheckpoint } from "@millrace/sdk";
import { sha256Of, withStoredValues } from "../value-store/stored-values.ts";
import type { ValueStore } from "../value-store/value-store.ts";

/** Keeps large values of steps in a store, and a reference in their checkpoints. Without a store all are in their checkpoints. */
export class ValueKeeper {
  readonly #store: ValueStore | undefined;

  constructor(store: ValueStore | undefined) {
    this.#store = store;
  }

  /** How much steps may give; undefined where there is no store. */
  get limits(): ValueLimits | undefined {
    return this.#store && STORED_LIMITS;
  }

  /** Whether a value certainly stays where it is: most do, and need not be counted. A character is three bytes at the most. */
  isSmall({ value }: NewCheckpoint): boolean {
    return this.#store === undefined || value.length * 3 <= STORED_LIMITS.fromBytes;
  }

  /**
   * The checkpoint as it is to be recorded. A large value is in the store when this has returned.
   *
   * @throws MillraceError `value_store_failed`
   */
  async put(run: string, checkpoint: NewCheckpoint): Promise<NewCheckpoint> {
    const { value, failed } = checkpoint;
    const bytes = byteLength(value);
    if (!this.#store || failed || bytes <= STORED_LIMITS.fromBytes) return checkpoint;
    const sha256 = sha256Of(value);
    await this.#store.put(run, sha256, value);
    return { ...checkpoint, value: storedValueText({ bytes, sha256 }) };
  }

  /**
   * Checkpoints with the values that they refer to.
   *
   * @throws MillraceError `stored_value_lost`, `value_store_failed`
   */
  async fetch(run: string, checkpoints: readonly Checkpoint[]): Promise<readonly Checkpoint[]> {
    return withStoredValues(this.#store, run, checkpoints);
  }
}
