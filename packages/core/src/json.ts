import { MillraceError } from "./errors.ts";

/** What `jsonb` and JavaScript both hold without loss. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Deeper values are refused: recursive readers on either side of the database would run out of stack. */
export const MAX_JSON_DEPTH = 64;

/**
 * Turns a value into the text that is stored for it, by the rules of `JSON.stringify` (`toJSON` is called, `undefined`
 * properties are left out), but refuses with its path whatever would not come back the same: functions, symbols,
 * bigints, NaN and infinities, NUL characters, lone surrogates, holes of `undefined` in arrays, Map, Set, Promise, Error,
 * RegExp, binary data, invalid dates, cycles and depth beyond 64.
 *
 * @returns the JSON text; `undefined` as a whole is `null`
 * @throws MillraceError `invalid_json` with a `pointer`
 */
export function toJsonText(value: unknown, what: string): string {
  check(value, what, []);
  return JSON.stringify(value) ?? "null";
}

const encoder = new TextEncoder();

/** The number of bytes that `text` takes in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Whether `text` takes more bytes in UTF-8 than `max`; short texts are not encoded to find out. */
export function isLonger(text: string, max: number): boolean {
  return text.length * 3 > max && byteLength(text) > max;
}

/** @param path where `value` lies; changed on the way down and restored on the way up */
function check(value: unknown, what: string, path: string[]): void {
  switch (typeof value) {
    case "string":
      if (value.includes("\0")) refuse(what, path, "it has a NUL character");
      if (!value.isWellFormed()) refuse(what, path, "it has half of a surrogate pair");
      return;
    case "number":
      if (!Number.isFinite(value)) refuse(what, path, `${value} is not a JSON number`);
      return;
    case "boolean":
    case "undefined":
      return;
    case "object":
      if (value !== null) checkObject(value, what, path);
      return;
    default:
      refuse(what, path, `a ${typeof value} has no JSON form`);
  }
}

/** @param asGiven whether `toJSON` has been called already */
function checkObject(value: object, what: string, path: string[], asGiven = false): void {
  if (path.length >= MAX_JSON_DEPTH) {
    refuse(what, path, `it is nested deeper than ${MAX_JSON_DEPTH} levels, or a cycle`);
  }
  if (value instanceof Date && Number.isNaN(value.getTime())) {
    refuse(what, path, "the date is not valid");
  }
  if (!asGiven && hasToJson(value)) {
    const given = value.toJSON(path.at(-1) ?? "");
    // Like JSON.stringify, which does not ask what it was given for another form.
    return isObject(given) ? checkObject(given, what, path, true) : check(given, what, path);
  }
  const name = nameOfFormless(value);
  if (name) refuse(what, path, `a ${name} has no JSON form`);
  const list = Array.isArray(value);
  for (const key of Object.keys(value)) {
    path.push(key);
    const item = (value as Record<string, unknown>)[key];
    if (list && item === undefined) refuse(what, path, "undefined has no JSON form in a list");
    if (key.includes("\0") || !key.isWellFormed()) refuse(what, path, "the key is not valid text");
    check(item, what, path);
    path.pop();
  }
}

/** What `JSON.stringify` would make `{}`, `null` or something else of without a word. */
const FORMLESS = [
  Map,
  Set,
  WeakMap,
  WeakSet,
  WeakRef,
  Promise,
  RegExp,
  Error,
  ArrayBuffer,
  SharedArrayBuffer,
  Number,
  String,
  Boolean,
  BigInt,
  Symbol,
];

function nameOfFormless(value: object): string | undefined {
  // Nearly all are one of these, and the list is long.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) return undefined;
  if (ArrayBuffer.isView(value)) return value.constructor.name;
  return FORMLESS.find((form) => value instanceof form)?.name;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}

function refuse(what: string, path: readonly string[], why: string): never {
  const pointer = path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  // A cycle's pointer would be as long as the depth limit allows; the first levels say enough.
  const shown = pointer.length > 8 ? [...pointer.slice(0, 8), "/…"] : pointer;
  throw new MillraceError(
    "invalid_json",
    `${what}${shown.length ? ` at ${shown.join("")}` : ""}: ${why}`,
    { pointer: shown.join("") },
  );
}
