import {
  FINAL_STATES,
  QuerySyntaxError,
  type QueryTerm,
  type RunQuery,
  durationMs,
  isFingerprint,
} from "@millrace/core";
import type { Sought, Source } from "../../store/search.ts";

/** A query as statements take it. */
export interface Search {
  readonly source: Source;
  readonly sought: Sought;
  /** Accepted after, and before; null for any. */
  readonly after: Date | null;
  readonly before: Date | null;
  /** What it asks of fields of the input, each whole: by them runs may be found in the index. */
  readonly fields: readonly SoughtField[];
}

/** A path into the input, as jobs declare it, and what lies there: one of these texts. */
export interface SoughtField {
  readonly path: string;
  readonly texts: readonly string[];
}

/** The lists that a field fills, of those whose values are patterns. */
const LISTS: Readonly<Record<string, string>> = {
  job: "jobs",
  queue: "queues",
  key: "keys",
  correlation: "correlations",
  schedule: "schedules",
  version: "versions",
};

/** What may be asked of paths at once. */
const MAX_PATHS = 3;

/**
 * What a query means at an instant: its ages become bounds of ids, which cost nothing, and what it asks of states says where the runs are to be looked for.
 *
 * @throws QuerySyntaxError for what the syntax allows and statements cannot take
 */
export function soughtOf({ terms }: RunQuery, now: Date): Search {
  const lists: Record<string, (string | number)[]> = {};
  const slots: Record<string, unknown> = {};
  const bounds = {
    after: -Infinity,
    before: Infinity,
    over: -1,
    under: Infinity,
    least: 0,
    most: Infinity,
  };
  const put = (name: string, value: string | number) => void (lists[name] ??= []).push(value);

  for (const term of terms) {
    const { field, value, op, negated } = term;
    const not = negated ? "not_" : "";
    if (field in LISTS) put(`${not}${LISTS[field]}`, pattern(value));
    else if (field === "status") put(`${not}states`, value);
    else if (field === "trigger") put(`${not}triggers`, value);
    else if (field === "id") put(`${not}ids`, `${value.toLowerCase()}%`);
    else if (field === "text") put(`${not}texts`, `%${literal(value.toLowerCase())}%`);
    else if (field === "worker") put(`${not}workers`, Number(value));
    else if (field === "bulk") put(`${not}operations`, Number(value));
    else if (field === "error" && isFingerprint(value)) put(`${not}errors`, `${value}%`);
    else if (field === "error") put(`${not}classes`, pattern(value));
    else if (field === "age") boundAge(bounds, op, now.getTime() - durationMs(value, "age"));
    else if (field === "accepted") boundAccepted(bounds, op, Date.parse(value));
    else if (field === "took") boundTook(bounds, op, durationMs(value, "took"));
    else if (field === "attempts") boundAttempts(bounds, term);
    else takePath(slots, term);
  }
  const sought: Sought = {
    ...lists,
    ...slots,
    ...(bounds.over >= 0 && { took_over_ms: bounds.over }),
    ...(bounds.under < Infinity && { took_under_ms: bounds.under }),
    ...(bounds.least > 0 && { attempts_least: bounds.least }),
    ...(bounds.most < Infinity && { attempts_most: bounds.most }),
  };
  return {
    source: sourceOf(sought),
    sought,
    fields: fieldsOf(terms),
    after: Number.isFinite(bounds.after) ? new Date(bounds.after) : null,
    before: Number.isFinite(bounds.before) ? new Date(bounds.before) : null,
  };
}

/** Those of which no value has a `*`: what is like something has no mark. */
function fieldsOf(terms: readonly QueryTerm[]): SoughtField[] {
  const texts = new Map<string, string[]>();
  for (const { field, path, value, negated } of terms) {
    if (field !== "input" || negated) continue;
    const name = path!.join(".");
    texts.set(name, [...(texts.get(name) ?? []), value]);
  }
  return [...texts]
    .filter(([, values]) => !values.some((value) => value.includes("*")))
    .map(([path, values]) => ({ path, texts: values }));
}

interface Bounds {
  after: number;
  before: number;
  over: number;
  under: number;
  least: number;
  most: number;
}

/** Younger than an hour: accepted after an hour ago. */
function boundAge(bounds: Bounds, op: QueryTerm["op"], at: number): void {
  if (op.startsWith("<")) bounds.after = Math.max(bounds.after, at);
  else bounds.before = Math.min(bounds.before, at);
}

/** To the millisecond, as ids are: from it on, and before it; what is beyond it begins with the next. */
function boundAccepted(bounds: Bounds, op: QueryTerm["op"], at: number): void {
  if (op.startsWith(">")) bounds.after = Math.max(bounds.after, op === ">" ? at + 1 : at);
  else bounds.before = Math.min(bounds.before, op === "<=" ? at + 1 : at);
}

/** As exact as times are kept: whether the limit itself is in makes no difference that could be seen. */
function boundTook(bounds: Bounds, op: QueryTerm["op"], ms: number): void {
  const inclusive = op.endsWith("=") ? 0.001 : 0;
  if (op.startsWith(">")) bounds.over = Math.max(bounds.over, ms - inclusive, 0);
  else bounds.under = Math.min(bounds.under, ms + inclusive);
}

function boundAttempts(bounds: Bounds, { op, value, negated, at, length }: QueryTerm): void {
  const n = Number(value);
  if (negated)
    throw new QuerySyntaxError("attempts are compared: attempts:>3, attempts:<3", at, length);
  if (op !== "<" && op !== "<=") bounds.least = Math.max(bounds.least, op === ">" ? n + 1 : n);
  if (op !== ">" && op !== ">=") bounds.most = Math.min(bounds.most, op === "<" ? n - 1 : n);
}

/** Values of one path are alternatives, as those of a field are. */
function takePath(slots: Record<string, unknown>, term: QueryTerm): void {
  const { field, path = [], value, negated, at, length } = term;
  const not = negated ? "not_" : "";
  const ofOutput = field === "output";
  for (let n = 1; n <= MAX_PATHS; n++) {
    const [pathName, patternsName] = [`${not}path_${n}`, `${not}patterns_${n}`];
    const taken = slots[pathName] as string[] | undefined;
    if (taken === undefined) {
      slots[pathName] = path;
      slots[`${not}of_output_${n}`] = ofOutput;
      slots[patternsName] = [pattern(value)];
      return;
    }
    if (slots[`${not}of_output_${n}`] === ofOutput && taken.join("\0") === path.join("\0")) {
      (slots[patternsName] as string[]).push(pattern(value));
      return;
    }
  }
  throw new QuerySyntaxError(
    `there are more than ${MAX_PATHS} paths${negated ? " that are negated" : ""}`,
    at,
    length,
  );
}

const FAILED: readonly string[] = ["failed", "dead"];

/** Where all that can match is. What an error is asked of has failed. */
function sourceOf({ states, errors, classes }: Sought): Source {
  if (errors || classes || states?.every((state) => FAILED.includes(state))) return "failed";
  const open = (state: string) =>
    !FAILED.includes(state) && !(FINAL_STATES as readonly string[]).includes(state);
  return states?.every(open) ? "open" : "all";
}

/** A pattern of LIKE in which `*` stands for anything, and all else for itself. */
function pattern(value: string): string {
  return literal(value).replaceAll("*", "%");
}

function literal(value: string): string {
  return value.replaceAll(/[\\%_]/g, String.raw`\$&`);
}
