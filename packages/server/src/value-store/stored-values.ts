import { createHash } from "node:crypto";
import { MillraceError, type StoredValue, byteLength, readStoredValue } from "@millrace/core";
import type { ValueStore } from "./value-store.ts";

/** How many values are read from the store at once. */
const AT_ONCE = 4;

/** What may have a reference instead of its value. */
interface Holder {
  readonly name: string;
  readonly value: string | null;
}

/**
 * The checkpoints of a run with the values that they refer to.
 *
 * @throws MillraceError `stored_value_lost`, also where there is no store; `value_store_failed`
 */
export async function withStoredValues<Of extends Holder>(
  store: ValueStore | undefined,
  run: string,
  checkpoints: readonly Of[],
): Promise<Of[]> {
  const found = [...checkpoints];
  await inLanes(referring(checkpoints), async ({ checkpoint, place, reference }) => {
    found[place] = { ...checkpoint, value: await read(store, run, checkpoint.name, reference) };
  });
  return found;
}

/**
 * Puts the values to which checkpoints refer below another run, too.
 *
 * @throws MillraceError `stored_value_lost`, `value_store_failed`
 */
export async function copyStoredValues(
  store: ValueStore,
  from: string,
  to: string,
  checkpoints: readonly Holder[],
): Promise<void> {
  await inLanes(referring(checkpoints), async ({ checkpoint, reference }) => {
    await store.put(to, reference.sha256, await read(store, from, checkpoint.name, reference));
  });
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function referring<Of extends Holder>(checkpoints: readonly Of[]) {
  return checkpoints.flatMap((checkpoint, place) => {
    const reference = checkpoint.value === null ? undefined : readStoredValue(checkpoint.value);
    return reference ? [{ checkpoint, place, reference }] : [];
  });
}

async function inLanes<Item>(items: readonly Item[], work: (item: Item) => Promise<void>) {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane));
}

async function read(
  store: ValueStore | undefined,
  run: string,
  name: string,
  { sha256, bytes }: StoredValue,
): Promise<string> {
  const lost = (why: string) =>
    new MillraceError("stored_value_lost", `step ${JSON.stringify(name)} of run ${run}: ${why}`);
  if (!store) {
    throw lost(
      "its value is in a store, and this process has none; set MILLRACE_VALUE_STORE as for the worker that recorded it",
    );
  }
  const text = await store.get(run, sha256);
  if (text === undefined) {
    throw lost(
      `its value is not ${store.words}; is MILLRACE_VALUE_STORE that of the worker that recorded it?`,
    );
  }
  if (byteLength(text) === bytes && sha256Of(text) === sha256) return text;
  throw lost(`what lies ${store.words} is not what was stored: its length or SHA-256 differs`);
}
