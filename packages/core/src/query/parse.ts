import { durationMs } from "../duration.ts";
import { LOG_LEVELS } from "../log-level.ts";
import { nearestWord } from "../nearest-word.ts";
import { TRIGGERS } from "../run.ts";
import { QUERY_FIELDS, QUERY_STATES, type QueryField } from "./fields.ts";
import { QuerySyntaxError } from "./syntax-error.ts";

export const QUERY_OPERATORS = ["is", ">", ">=", "<", "<="] as const;

export type QueryOperator = (typeof QUERY_OPERATORS)[number];

/** One condition. Of a list of values, `status:failed,cancelled`, each is a term. */
export interface QueryTerm {
  /** Of {@link QUERY_FIELDS}; `text` for a word that stands alone. */
  readonly field: string;
  /** Of `input` and `output`: the keys that lead to the value. */
  readonly path?: readonly string[];
  readonly op: QueryOperator;
  readonly value: string;
  readonly negated: boolean;
  /** Where it stands in the text, from 0, and how long it is. */
  readonly at: number;
  readonly length: number;
}

/**
 * What is asked of runs. Terms of one field (of `input` and `output`: of one path) are alternatives, different fields must all hold, each text must be
 * found, and no negated term may hold.
 */
export interface RunQuery {
  readonly terms: readonly QueryTerm[];
}

export const MAX_QUERY_LENGTH = 1000;
const MAX_QUERY_TERMS = 30;
const MAX_KEYS = 8;

/**
 * Reads a query, such as `status:failed job:contact.* input.tenant:acme age:<1h -queue:mail "503"`. An empty one asks for all.
 *
 * @param fields that it may ask about
 * @throws QuerySyntaxError
 */
export function parseQuery(text: string, fields: readonly QueryField[] = QUERY_FIELDS): RunQuery {
  if (text.length > MAX_QUERY_LENGTH) {
    throw new QuerySyntaxError(
      `it is longer than ${MAX_QUERY_LENGTH} characters`,
      MAX_QUERY_LENGTH,
      text.length - MAX_QUERY_LENGTH,
    );
  }
  const terms: QueryTerm[] = [];
  const reader = new Reader(text);
  for (reader.skipSpace(); !reader.done; reader.skipSpace()) {
    terms.push(...readTerms(reader, fields));
    if (terms.length > MAX_QUERY_TERMS) {
      throw new QuerySyntaxError(
        `there are more than ${MAX_QUERY_TERMS} terms`,
        terms[MAX_QUERY_TERMS]!.at,
        terms[MAX_QUERY_TERMS]!.length,
      );
    }
  }
  return { terms };
}

function readTerms(reader: Reader, fields: readonly QueryField[]): QueryTerm[] {
  const { at } = reader;
  const negated = reader.take("-");
  const name = reader.fieldName();
  if (name === undefined) {
    const value = reader.value(false);
    if (value === "") throw new QuerySyntaxError("nothing stands after -", at, reader.at - at);
    return [{ field: "text", op: "is", value, negated, at, length: reader.at - at }];
  }
  const [field, path] = placeOf(name, reader.at - name.length - 1, fields);
  const terms: QueryTerm[] = [];
  for (let from = at, more = true; more; from = reader.at) {
    const op = reader.operator();
    const valueAt = reader.at;
    const value = reader.value(true);
    more = reader.take(",");
    const term = { field: field.name, ...(path && { path }), op, negated, at: from };
    check(field, { ...term, value, length: reader.at - from }, valueAt, value.length);
    terms.push({ ...term, value, length: reader.at - from - (more ? 1 : 0) });
  }
  return terms;
}

/** The field of a name, and where a path leads. */
function placeOf(
  name: string,
  at: number,
  fields: readonly QueryField[],
): [QueryField, readonly string[] | undefined] {
  const [first = "", ...keys] = name.split(".");
  const field = fields.find((known) => known.name === first);
  if (!field || (keys.length > 0 && field.kind !== "path")) {
    const names = fields.map((known) => known.name);
    throw new QuerySyntaxError(
      `there is no field ${quoted(name)}; a text to look for stands in quotes`,
      at,
      name.length,
      nearestWord(first, names),
    );
  }
  if (field.kind !== "path") return [field, undefined];
  if (keys.length === 0 || keys.length > MAX_KEYS || keys.includes("")) {
    throw new QuerySyntaxError(
      `write which value of the ${first}, ${MAX_KEYS} keys deep at the most, such as ${first}.tenant:acme`,
      at,
      name.length,
    );
  }
  return [field, keys];
}

function check({ name, kind }: QueryField, term: QueryTerm, at: number, length: number): void {
  const { value, op, negated } = term;
  const refuse = (message: string, nearest?: string) => {
    throw new QuerySyntaxError(message, at, Math.max(1, length), nearest);
  };
  if (value === "") refuse(`nothing stands after ${name}:`);
  const compared = ["duration", "instant", "number", "level"].includes(kind);
  if (!compared && op !== "is") refuse(`${name} is not compared by ${op}; put the value in quotes`);
  if (compared && op !== "is" && negated) refuse(`turn ${op} round instead of the - before it`);
  if (kind === "state" && !isOneOf(QUERY_STATES, value)) {
    refuse(`${quoted(value)} is no state`, nearestWord(value, QUERY_STATES));
  }
  if (kind === "level" && !isOneOf(LOG_LEVELS, value)) {
    refuse(`${quoted(value)} is no level`, nearestWord(value, LOG_LEVELS));
  }
  if (kind === "trigger" && !isOneOf(TRIGGERS, value)) {
    refuse(`${quoted(value)} is no trigger`, nearestWord(value, TRIGGERS));
  }
  if (kind === "duration") {
    if (op === "is") refuse(`write ${name}:>30s or ${name}:<30s`);
    if (!isDuration(value)) refuse(`${quoted(value)} is no duration, such as 250ms, 30s or 1h`);
  }
  if (kind === "instant") {
    if (op === "is") refuse(`write ${name}:>=2026-11-26T10:00Z or ${name}:<2026-11-27`);
    if (!isInstant(value)) refuse(`${quoted(value)} is no instant, such as 2026-11-26T10:00Z`);
  }
  if (kind === "number" && !/^\d{1,9}$/.test(value)) refuse(`${quoted(value)} is no number`);
  if (name !== "attempts" && kind === "number" && op !== "is") {
    refuse(`${name} is not compared by ${op}`);
  }
  if (kind === "id" && !/^[0-9a-f-]{8,36}$/i.test(value)) {
    refuse(`${quoted(value)} is neither the id of a run nor its first eight characters or more`);
  }
}

/** Whether a value of `error` is a fingerprint, or how one begins, and not a class. */
export function isFingerprint(value: string): boolean {
  return /^[0-9a-f]{4,16}$/.test(value);
}

function isDuration(text: string): boolean {
  try {
    durationMs(text, "");
    return true;
  } catch {
    return false;
  }
}

/** With its zone, for a query means the same to everybody. */
function isInstant(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?$/.test(text) &&
    !Number.isNaN(Date.parse(text))
  );
}

function isOneOf(words: readonly string[], word: string): boolean {
  return words.includes(word);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** Goes through a query from left to right. */
class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.at >= this.#text.length;
  }

  skipSpace(): void {
    this.#take(/\s*/y);
  }

  take(character: string): boolean {
    if (this.#text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** What stands before a colon, if something does; it goes behind the colon. */
  fieldName(): string | undefined {
    return this.#take(/[^\s":,<>]+:/y)?.slice(0, -1);
  }

  operator(): QueryOperator {
    return (this.#take(/[<>]=?/y) ?? "is") as QueryOperator;
  }

  /**
   * A value: what stands in quotes, where a backslash lets the next character stand for itself; else all up to the next space.
   *
   * @param listed whether a comma ends it as well
   */
  value(listed: boolean): string {
    if (this.#text[this.at] !== '"') return this.#take(listed ? /[^\s,]*/y : /\S*/y) ?? "";
    const from = this.at;
    const inside = this.#take(/"(?:[^"\\]|\\[^])*"/y);
    if (inside === undefined) {
      throw new QuerySyntaxError("the quotes do not end", from, this.#text.length - from);
    }
    if (!this.done && !(listed ? /[\s,]/ : /\s/).test(this.#text[this.at]!)) {
      throw new QuerySyntaxError("a space is missing after the quotes", this.at, 1);
    }
    return inside.slice(1, -1).replaceAll(/\\([^])/g, "$1");
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }
}
