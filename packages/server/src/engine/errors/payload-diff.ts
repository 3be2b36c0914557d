import { ExactNumber, type Json } from "@millrace/core";
import { isSealedInput } from "../../security/sealed-content.ts";

export interface PayloadChange {
  /** A JSON Pointer. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: Json;
  readonly after?: Json;
}

/** As many changes as are told. */
const MOST_CHANGES = 50;

/** What is different in `after`, in the order of its keys: 50 places at the most, and whether there are more. */
export function payloadDiff(
  before: Json,
  after: Json,
): { changes: PayloadChange[]; more: boolean } {
  const changes: PayloadChange[] = [];
  for (const change of changesOf(before, after, "")) {
    if (changes.length === MOST_CHANGES) return { changes, more: true };
    changes.push(change);
  }
  return { changes, more: false };
}

/** What is different in an input from that of a run that completed; null without one, and where one of the two is encrypted: that is nobody's to compare. */
export function diffBetween(
  input: Json | null,
  success: { id: string; input: Json } | undefined,
): ({ against: string } & ReturnType<typeof payloadDiff>) | null {
  if (!success || isSealedInput(input) || isSealedInput(success.input)) return null;
  return { against: success.id, ...payloadDiff(success.input, input) };
}

function* changesOf(before: Json, after: Json, path: string): Generator<PayloadChange> {
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after))
      yield { path, kind: "changed", before, after };
    return;
  }
  const [old, fresh] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  for (const [key, value] of fresh) {
    const place = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (old.has(key)) yield* changesOf(old.get(key)!, value, place);
    else yield { path: place, kind: "added", after: value };
  }
  for (const [key, value] of old) {
    const place = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (!fresh.has(key)) yield { path: place, kind: "removed", before: value };
  }
}

function isBranch(value: Json): value is Json[] | { [key: string]: Json } {
  return typeof value === "object" && value !== null && !(value instanceof ExactNumber);
}
