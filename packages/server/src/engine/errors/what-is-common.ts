import { ExactNumber, type Json } from "@millrace/core";
import type { FactsRow } from "../../store/error-groups.ts";

/** What most failures have, and most successes of the same job have not. */
export interface Common {
  /** Such as `input.region` or `version`. */
  readonly what: string;
  readonly value: string;
  /** Shares, 0 to 1. */
  readonly failures: number;
  readonly successes: number;
}

/** Fewer successes tell nothing. */
const LEAST_SUCCESSES = 5;

/** A fact is told that so many failures share, and that sets them apart by so much. */
const LEAST_SHARE = 0.8;
const LEAST_APART = 0.3;

const MOST_TOLD = 8;

/** Of an input so much is looked at. */
const MAX_FACTS = 60;
const MAX_DEPTH = 4;
const MAX_VALUE = 100;

/** The facts that set failures apart, the most telling first; none where there is too little to compare. */
export function whatIsCommon(
  failures: readonly FactsRow[],
  successes: readonly FactsRow[],
): Common[] {
  if (failures.length === 0 || successes.length < LEAST_SUCCESSES) return [];
  const ofSuccesses = count(successes);
  const common: Common[] = [];
  for (const [key, { what, value, runs }] of count(failures)) {
    const share = runs / failures.length;
    const other = (ofSuccesses.get(key)?.runs ?? 0) / successes.length;
    if (share >= LEAST_SHARE && share - other >= LEAST_APART) {
      common.push({ what, value, failures: share, successes: other });
    }
  }
  const apart = ({ failures: share, successes: other }: Common) => share - other;
  return common
    .sort((a, b) => apart(b) - apart(a) || a.what.localeCompare(b.what))
    .slice(0, MOST_TOLD);
}

/** Such as `all: input.region=eu` or `98 %: version=3f1c2ab`. */
export function inWords({ what, value, failures }: Common): string {
  return `${failures === 1 ? "all" : `${Math.floor(failures * 100)} %`}: ${what}=${value}`;
}

type Counts = Map<string, { what: string; value: string; runs: number }>;

function count(runs: readonly FactsRow[]): Counts {
  const counts: Counts = new Map();
  for (const run of runs) {
    for (const [what, value] of factsOf(run)) {
      const key = `${what}=${value}`;
      const known = counts.get(key);
      if (known) known.runs++;
      else counts.set(key, { what, value, runs: 1 });
    }
  }
  return counts;
}

function* factsOf(run: FactsRow): Generator<[string, string]> {
  yield ["queue", run.queue];
  yield ["trigger", run.trigger];
  yield ["hour", hourOf(run.id)];
  if (run.version !== null) yield ["version", run.version];
  if (run.worker !== null) yield ["worker", run.worker];
  // What is encrypted for a subject is nobody's to compare, and what is large was not read.
  if (run.large || isSealed(run.input)) return;
  let left = MAX_FACTS;
  for (const [path, value] of leaves(run.input, "input", 0)) {
    if (left-- <= 0) return;
    if (value.length <= MAX_VALUE) yield [path, value];
  }
}

/** The hour in which it was accepted, by the time in its id. */
function hourOf(id: string): string {
  const at = new Date(Number.parseInt(id.replace("-", "").slice(0, 12), 16));
  return `${at.toISOString().slice(0, 13)}:00Z`;
}

function isSealed(input: Json): boolean {
  return typeof input === "object" && input !== null && "$sealed" in input;
}

function* leaves(value: Json, path: string, depth: number): Generator<[string, string]> {
  if (typeof value !== "object" || value === null || value instanceof ExactNumber)
    return yield [path, String(value)];
  if (depth === MAX_DEPTH || Array.isArray(value)) return;
  for (const [key, inner] of Object.entries(value))
    yield* leaves(inner, `${path}.${key}`, depth + 1);
}
