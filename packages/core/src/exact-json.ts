import { isKept } from "./json-losses.ts";

/**
 * A number of a JSON text that no double holds, as it was written. `JSON.stringify` makes a text of it that {@link withExactNumbers} turns back: so it
 * goes through whatever writes JSON.
 */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return MARK + this.text;
  }
}

/** Made anew by each process and page, so that no payload can know it. */
const MARK = `exact-${crypto.randomUUID()}:`;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

/** A number of digits enough that a double may not hold them, where a number can stand: ids are full of such digits, and need not be looked at. */
const MAY_BE_LOST = /(?:^|[:,[\s])-?(?:[\d.]{16}|[\d.]+[eE][+-]?\d{2})/;

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON as it was written: a number that a double would change is an {@link ExactNumber}. Nothing else is different from `JSON.parse`. */
export function readExactJson(text: string): unknown {
  // A text that has the mark would be taken for such a number: nobody should know it, and who does gets doubles.
  if (!MAY_BE_LOST.test(text) || text.includes(MARK)) return JSON.parse(text);
  const marked = text.replaceAll(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') || isKept(token) ? token : `"${MARK}${token}"`,
  );
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK)
      ? new ExactNumber(value.slice(MARK.length))
      : value,
  );
}

/** What `JSON.stringify` wrote, with the {@link ExactNumber}s that were in it as numbers. */
export function withExactNumbers(text: string): string {
  return text.includes(MARK) ? text.replaceAll(MARKED, "$1") : text;
}
