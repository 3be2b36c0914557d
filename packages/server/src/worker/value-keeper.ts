import { createHash } from "node:crypto";
import {
  MillraceError,
  STORED_LIMITS,
  type StoredValue,
  type ValueLimits,
  byteLength,
  readStoredValue,
  storedValueText,
} from "@millrace/core";
import type { Checkpoint, NewCheckpoint } from "@millrace/sdk";
import type { ValueStore } from "../value-store/value-store.ts";

/** How many values are read from the store at once. */
const AT_ONCE = 4;

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
    const found = [...checkpoints];
    const stored = found.flatMap((checkpoint, place) => {
      const reference = checkpoint.value === null ? undefined : readStoredValue(checkpoint.value);
      return reference ? [{ checkpoint, place, reference }] : [];
    });
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < stored.length) {
        const { checkpoint, place, reference } = stored[next++]!;
        found[place] = { ...checkpoint, value: await this.#get(run, checkpoint, reference) };
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, stored.length) }, lane));
    return found;
  }

  async #get(run: string, { name }: Checkpoint, { sha256, bytes }: StoredValue): Promise<string> {
    const lost = (why: string) =>
      new MillraceError("stored_value_lost", `step ${JSON.stringify(name)} of run ${run}: ${why}`);
    if (!this.#store) {
      throw lost(
        "its value is in a store, and this worker has none; set MILLRACE_VALUE_STORE as for the worker that recorded it",
      );
    }
    const text = await this.#store.get(run, sha256);
    if (text === undefined) {
      throw lost(
        `its value is not ${this.#store.words}; is MILLRACE_VALUE_STORE that of the worker that recorded it?`,
      );
    }
    if (byteLength(text) === bytes && sha256Of(text) === sha256) return text;
    throw lost(
      `what lies ${this.#store.words} is not what was stored: its length or SHA-256 differs`,
    );
  }
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
