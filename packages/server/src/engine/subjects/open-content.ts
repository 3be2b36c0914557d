import { ERASED, readExactJson } from "@millrace/core";
import {
  type Place,
  type SealedHeader,
  isSealedInput,
  looksSealed,
  mayHoldSealed,
  openContent,
  readHeader,
  readSealedInput,
  replaceSealed,
  sealedIn,
} from "../../security/sealed-content.ts";
import type { Queryable } from "../../store/statement.ts";
import { type SubjectKey, type Subjects, keyMissing, subjectErased } from "./subjects.ts";

/** What stands in place of content that no key of this process opens. */
const LOCKED = "[sealed]";

/** What may stand in which columns: what was moved to another is not opened. Results of children stand in the value of a step. */
const PLACES: Readonly<Record<string, readonly Place[]>> = {
  input: ["input"],
  payload: ["input"],
  output: ["output"],
  result: ["output"],
  value: ["step", "output", "error", "published"],
  error_message: ["error", "note"],
  sample_message: ["error"],
  error_stack: ["stack"],
  message: ["log", "progress"],
  fields: ["fields"],
  ask: ["approval"],
  details: ["approval"],
};

/** What is copied from run to run, as by a fork, is that of the first. */
const OF_ONE_RUN: readonly Place[] = ["output", "error", "stack", "log", "fields", "progress"];

type Keys = ReadonlyMap<string, SubjectKey>;

/** Whether content that cannot be opened is told in words, to people, or is an error, for code would take the words for it. */
type Reader = "people" | "code";

/**
 * Rows as people read them, with what of them is encrypted opened: `[erased]` where its key is no more. Whoever has nothing of the kind, as most, pays
 * a look at the beginning of each text.
 */
export function openRows<Row extends object>(
  subjects: Subjects,
  rows: readonly Row[],
): Promise<Row[]> {
  return opened(subjects, rows, "people");
}

/**
 * The same for code that works with them.
 *
 * @throws MillraceError `subject_erased`, `secret_key_missing`
 */
export function openRecord<Row extends object>(
  subjects: Subjects,
  rows: readonly Row[],
): Promise<Row[]> {
  return opened(subjects, rows, "code");
}

async function opened<Row extends object>(
  subjects: Subjects,
  rows: readonly Row[],
  reader: Reader,
): Promise<Row[]> {
  const sealed: string[] = [];
  for (const row of rows) for (const value of Object.values(row)) collect(value, sealed);
  if (sealed.length === 0) return [...rows];
  const ids = sealed.flatMap((text) => readHeader(text)?.subject ?? []);
  const keys = await subjects.keysOf(ids);
  return rows.map((row) => openRow(row, keys, reader));
}

/**
 * The text of an input that is to be worked on.
 *
 * @throws MillraceError `subject_erased`, `secret_key_missing`
 */
export async function openInputText(
  subjects: Subjects,
  text: string,
  db?: Queryable,
): Promise<string> {
  const input = readSealedInput(text);
  if (!input) return text;
  const { $sealed: sealed, $subject: subject } = input;
  const key = (await subjects.keysOf([subject], db)).get(subject)!;
  return openInput(key, sealed, subject) ?? text;
}

/**
 * @returns undefined for what somebody else has made look like that
 * @throws MillraceError `subject_erased`, `secret_key_missing`
 */
export function openInput(key: SubjectKey, sealed: string, subject: string): string | undefined {
  if (key === "erased") throw subjectErased();
  if (key === "locked") throw keyMissing("this process");
  const header = readHeader(sealed);
  if (key === "unknown" || header?.place !== "input" || header.subject !== subject) {
    return undefined;
  }
  return openContent(key, sealed);
}

function collect(value: unknown, sealed: string[]): void {
  if (typeof value === "string") {
    if (looksSealed(value)) sealed.push(value);
    else if (mayHoldSealed(value)) sealed.push(...sealedIn(value));
  } else if (isSealedInput(value)) sealed.push(value.$sealed);
}

function openRow<Row extends object>(row: Row, keys: Keys, reader: Reader): Row {
  const { run_id: runId, id } = row as { run_id?: unknown; id?: unknown };
  const run = runId ?? id;
  const read = reader === "people" ? readExactJson : JSON.parse;
  const open = (column: string, sealed: string) => {
    const header = readHeader(sealed);
    return header && belongs(header, column, run)
      ? openWith(keys, header, sealed, reader)
      : undefined;
  };
  const entries = Object.entries(row).map(([column, value]: [string, unknown]) => {
    if (isSealedInput(value)) return [column, jsonOf(open(column, value.$sealed), value, read)];
    if (typeof value !== "string") return [column, value];
    if (looksSealed(value)) return [column, jsonOf(open(column, value), value, read)];
    if (!mayHoldSealed(value)) return [column, value];
    return [column, replaceSealed(value, (sealed) => textOf(open(column, sealed), sealed))];
  });
  return Object.fromEntries(entries) as Row;
}

function belongs({ place, run }: SealedHeader, column: string, of: unknown): boolean {
  if (PLACES[column]?.includes(place) === false) return false;
  // Within the value of a step stand outputs of other runs.
  return column === "value" || !OF_ONE_RUN.includes(place) || of === undefined || run === of;
}

interface Opened {
  readonly text: string;
  readonly isJson: boolean;
}

/** As it stands, when it is nothing of a subject: somebody may like such texts. */
function jsonOf(opened: Opened | undefined, as: unknown, read: (text: string) => unknown): unknown {
  if (!opened) return as;
  return opened.isJson ? read(opened.text) : opened.text;
}

function textOf(opened: Opened | undefined, as: string): string {
  if (!opened) return JSON.stringify(as);
  return opened.isJson ? opened.text : JSON.stringify(opened.text);
}

function openWith(
  keys: Keys,
  header: SealedHeader,
  sealed: string,
  reader: Reader,
): Opened | undefined {
  const key = keys.get(header.subject);
  if (key === undefined || key === "unknown") return undefined;
  if (reader === "code" && key === "erased") throw subjectErased();
  if (reader === "code" && key === "locked") throw keyMissing("this process");
  if (key === "erased") return { text: ERASED, isJson: false };
  if (key === "locked") return { text: LOCKED, isJson: false };
  const text = openContent(key, sealed);
  return text === undefined ? undefined : { text, isJson: header.json };
}
