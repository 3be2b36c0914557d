import { MillraceError } from "./errors.ts";
import { MAX_JSON_DEPTH } from "./json.ts";

/**
 * What a step gives, as JSON text that PostgreSQL keeps as jsonb, and back again: Date, bigint, Map, Set, Uint8Array,
 * undefined and -0 come back as they were. What has a JSON form is stored as itself, so that SQL can read it; anything
 * else is `{"$": [kind, …]}`, and an object that has just that shape is wrapped.
 *
 * Of the two libraries that do nearly this, neither was taken. superjson (2.2) stores a class instance that it does not
 * know as if it were a plain object, and leaves functions out, without a word. devalue (5.6) refuses both with a path, but
 * its text is a flat list of indices, which nobody can read in SQL; it also takes what this must refuse (cycles, RegExp,
 * NaN, and text that jsonb does not hold). And `core` has no dependency so far.
 */

/** The only key of a value that JSON has no form for. */
const MARK = "$";

/**
 * An object's keys are written in the order in which jsonb keeps them (the shorter first, then by their bytes): a handler
 * that walks over them must meet them in the same order in every attempt, also in the one that made the value.
 *
 * @param what names the value in the error
 * @throws MillraceError `invalid_json` with a `pointer`, for whatever would not come back the same: functions, symbols,
 *   NaN and infinities, NUL characters, lone surrogates, holes in lists, objects of classes, invalid dates, cycles, and
 *   what is nested deeper than 64 levels
 */
export function toStepText(value: unknown, what: string): string {
  return new Writer(what).write(value);
}

/** @throws Error for a text that {@link toStepText} has not written */
export function fromStepText(text: string): unknown {
  return revive(JSON.parse(text));
}

class Writer {
  readonly #what: string;
  readonly #path: string[] = [];

  constructor(what: string) {
    this.#what = what;
  }

  write(value: unknown): string {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return String(value);
      case "undefined":
        return marked("undefined");
      case "bigint":
        return marked("bigint", `"${value}"`);
      case "object":
        return value === null ? "null" : this.#object(value);
      default:
        return this.#refuse(`a ${typeof value} cannot be stored`);
    }
  }

  #text(value: string): string {
    if (value.includes("\0")) this.#refuse("it has a NUL character");
    if (!value.isWellFormed()) this.#refuse("it has half of a surrogate pair");
    return JSON.stringify(value);
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) this.#refuse(`${value} is not a JSON number`);
    if (Object.is(value, -0)) return marked("number", '"-0"');
    const text = String(value);
    // jsonb writes a number out: 1e308 would come back as 309 digits, and a list of them as a hundred times its size.
    return text.includes("e") ? marked("number", `"${text}"`) : text;
  }

  #object(value: object): string {
    if (this.#path.length >= MAX_JSON_DEPTH) {
      this.#refuse(`it is nested deeper than ${MAX_JSON_DEPTH} levels, or a cycle`);
    }
    // An AsyncLocalStorage that somebody uses puts symbols on each: that says nothing to who forgot to await it.
    if (value instanceof Promise) this.#refuse(whyNot(value));
    if (Object.getOwnPropertySymbols(value).length > 0) {
      this.#refuse("a key that is a symbol cannot be stored");
    }
    switch (Object.getPrototypeOf(value)) {
      case Object.prototype:
      case null:
        return this.#plain(value);
      case Array.prototype:
        return this.#list(value as unknown[]);
      case Date.prototype:
        return this.#date(value as Date);
      case Map.prototype:
        return marked("map", ...this.#entries(value as Map<unknown, unknown>));
      case Set.prototype:
        return marked("set", ...this.#items(value as Set<unknown>));
      case Uint8Array.prototype:
        return marked("bytes", `"${toBase64(value as Uint8Array)}"`);
      default:
        return this.#refuse(whyNot(value));
    }
  }

  #plain(value: object): string {
    const keys = Object.keys(value).sort(asInJsonb);
    const parts = keys.map((key) => {
      if (key.includes("\0") || !key.isWellFormed()) {
        this.#path.push(key);
        this.#refuse("the key is not valid text");
      }
      return `${JSON.stringify(key)}:${this.#at(key, (value as Record<string, unknown>)[key])}`;
    });
    const text = `{${parts.join(",")}}`;
    return keys.length === 1 && keys[0] === MARK ? marked("object", text) : text;
  }

  #list(value: readonly unknown[]): string {
    // Keys are there for what has an element, and for what somebody has added to the list.
    if (Object.keys(value).length !== value.length) {
      this.#refuse("a list with holes, or with properties of its own, cannot be stored");
    }
    return `[${this.#items(value).join(",")}]`;
  }

  #date(value: Date): string {
    if (Number.isNaN(value.getTime())) this.#refuse("the date is not valid");
    return marked("date", `"${value.toISOString()}"`);
  }

  #items(values: Iterable<unknown>): string[] {
    return Array.from(values, (item, place) => this.#at(String(place), item));
  }

  #entries(map: ReadonlyMap<unknown, unknown>): string[] {
    return Array.from(map, ([key, value], place) => {
      const name = typeof key === "string" ? key : String(place);
      return `[${this.#at(name, key)},${this.#at(name, value)}]`;
    });
  }

  #at(name: string, value: unknown): string {
    this.#path.push(name);
    const text = this.write(value);
    this.#path.pop();
    return text;
  }

  #refuse(why: string): never {
    const pointer = this.#path.map(
      (part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1").toWellFormed()}`,
    );
    // A cycle's pointer would be as long as the depth limit allows; the first levels say enough.
    const shown = (pointer.length > 8 ? [...pointer.slice(0, 8), "/…"] : pointer).join("");
    throw new MillraceError(
      "invalid_json",
      `${this.#what}${shown === "" ? "" : ` at ${shown}`}: ${why}`,
      { pointer: shown },
    );
  }
}

function marked(...parts: [kind: string, ...texts: string[]]): string {
  const [kind, ...texts] = parts;
  return `{"${MARK}":[${[`"${kind}"`, ...texts].join(",")}]}`;
}

function whyNot(value: object): string {
  const name = value.constructor?.name;
  if (name === "Buffer") return "a Buffer cannot be stored; return new Uint8Array(buffer)";
  if (value instanceof Promise) return "a Promise cannot be stored; await it first";
  return `an object of the class ${name || "without a name"} cannot be stored; return plain data`;
}

const encoder = new TextEncoder();

/** The order of keys in jsonb: by the number of their bytes in UTF-8, then byte by byte. */
function asInJsonb(one: string, other: string): number {
  const [a, b] = [encoder.encode(one), encoder.encode(other)];
  if (a.length !== b.length) return a.length - b.length;
  for (const [place, byte] of a.entries()) {
    if (byte !== b[place]) return byte - b[place]!;
  }
  return 0;
}

/** Changes what JSON.parse has made in place: an own key `__proto__` stays one. */
function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    value.forEach((item, place) => (value[place] = revive(item)));
    return value;
  }
  const fields = value as Record<string, unknown>;
  const keys = Object.keys(fields);
  if (keys.length === 1 && keys[0] === MARK) return unmark(fields[MARK] as [string, ...unknown[]]);
  for (const key of keys) fields[key] = revive(fields[key]);
  return fields;
}

function unmark([kind, ...parts]: readonly [kind: string, ...parts: unknown[]]): unknown {
  const [first] = parts;
  switch (kind) {
    case "undefined":
      return undefined;
    case "number":
      return Number(first);
    case "bigint":
      return BigInt(first as string);
    case "date":
      return new Date(first as string);
    case "bytes":
      return fromBase64(first as string);
    case "set":
      return new Set(parts.map(revive));
    case "map":
      return new Map(parts.map((entry) => revive(entry) as [unknown, unknown]));
    case "object":
      return { [MARK]: revive((first as Record<string, unknown>)[MARK]) };
    default:
      throw new Error(
        `a stored value is of the kind ${JSON.stringify(kind)}, which this version does not know`,
      );
  }
}

/** A call has room for so many arguments. */
const CHUNK = 8192;

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
