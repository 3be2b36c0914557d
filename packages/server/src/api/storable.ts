import { MAX_JSON_DEPTH, MillraceError } from "@millrace/core";

/** What is a little too deep gets its own answer from whoever takes it, such as one run of many. */
const MAX_BODY_DEPTH = 2 * MAX_JSON_DEPTH;

/** Of all objects together: each key costs some hundred bytes once it is parsed. */
const MAX_KEYS = 20_000;

/**
 * Refuses NUL characters and halves of surrogate pairs, which PostgreSQL's text cannot hold, keys that would change an
 * object's prototype, depth, and too many keys. A loop with a stack of its own: depth costs no call.
 *
 * @param at where `value` stands
 * @throws MillraceError `invalid_json` with a pointer
 */
export function requireStorable(
  value: unknown,
  what: string,
  at: readonly PropertyKey[] = [],
): void {
  const open: Place[] = [{ value, key: "", depth: 0, parent: undefined }];
  let keys = 0;
  const pointerTo = (place: Place) => toPointer([...at, ...pathTo(place)]);
  for (let place = open.pop(); place; place = open.pop()) {
    const { value: here, depth } = place;
    if (typeof here === "string") requireText(here, what, () => pointerTo(place));
    if (typeof here !== "object" || here === null) continue;
    if (depth >= MAX_BODY_DEPTH) {
      // The whole path would be as long as it is deep.
      const pointer = at.length > 0 ? toPointer(at) : undefined;
      refuse(what, pointer, ` is nested deeper than ${MAX_JSON_DEPTH} levels`);
    }
    const keyed = !Array.isArray(here);
    if (keyed) keys += Object.keys(here).length;
    if (keys > MAX_KEYS) {
      refuse(what, at.length > 0 ? toPointer(at) : undefined, ` has more than ${MAX_KEYS} keys`);
    }
    for (const [name, item] of Object.entries(here)) {
      const child = { value: item as unknown, key: name, depth: depth + 1, parent: place };
      if (keyed) requireText(name, what, () => pointerTo(child));
      if (keyed && name === "__proto__") {
        refuse(what, pointerTo(child), " has a key named __proto__");
      }
      if (name === "constructor" && isRecord(item) && Object.hasOwn(item, "prototype")) {
        refuse(what, pointerTo(child), " would change an object's constructor");
      }
      if (typeof item === "string" || isRecord(item)) open.push(child);
    }
  }
}

interface Place {
  value: unknown;
  key: string;
  depth: number;
  parent: Place | undefined;
}

function requireText(text: string, what: string, pointer: () => string): void {
  if (text.includes("\0")) refuse(what, pointer(), " has a NUL character");
  if (!text.isWellFormed()) refuse(what, pointer(), " has half of a surrogate pair");
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function pathTo(place: Place): string[] {
  const keys: string[] = [];
  for (let at: Place = place; at.parent; at = at.parent) keys.unshift(at.key);
  return keys;
}

function refuse(what: string, pointer: string | undefined, why: string): never {
  throw notStorable(what, pointer, why);
}

/** @param why goes on after what and where */
export function notStorable(what: string, pointer: string | undefined, why: string): MillraceError {
  return new MillraceError("invalid_json", `${what}${pointer ? ` at ${pointer}` : ""}${why}`, {
    pointer,
  });
}

/** A JSON Pointer (RFC 6901). */
export function toPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
