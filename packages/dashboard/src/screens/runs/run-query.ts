import { type Range, instant } from "../../routing/range.ts";

/** The time that is looked at, and where in it the list begins. */
export interface Time {
  range: Range | undefined;
  /** Only what was accepted before; undefined for the newest as well. */
  before: number | undefined;
}

/** What the quick filters are about: the states that people look for. */
export const QUICK = [
  { title: "All", term: "" },
  { title: "Failed", term: "status:failed" },
  { title: "Running", term: "status:running" },
  { title: "Queued", term: "status:queued" },
  { title: "Retrying", term: "status:retrying" },
  { title: "Waiting", term: "status:waiting" },
  { title: "Scheduled", term: "status:scheduled" },
  { title: "Completed", term: "status:completed" },
  { title: "Cancelled", term: "status:cancelled" },
] as const;

/** A term of the form `status:…` that stands by itself. */
const STATUS = /(^|\s)status:\S+/g;

/** The query with another status, or with none. */
export function withStatus(query: string, term: string): string {
  const rest = query.replaceAll(STATUS, " ").trim().replaceAll(/\s+/g, " ");
  return [term, rest].filter(Boolean).join(" ");
}

/** The status that the query asks for: "" for none, undefined for several or one that no quick filter has. */
export function statusOf(query: string): string | undefined {
  const found = [...query.matchAll(STATUS)].map(([text]) => text.trim());
  if (found.length === 0) return "";
  return found.length === 1 ? QUICK.find(({ term }) => term === found[0])?.term : undefined;
}

/** The query with the time that is looked at: so it says all there is to say to whatever takes a query. */
export function within(query: string, time: Time): string {
  return [query, termsOf(time)].filter(Boolean).join(" ");
}

/** As a query says it; "" for any time. */
export function termsOf({ range, before }: Time): string {
  const still = range && !("preset" in range) ? range : undefined;
  const until = Math.min(still?.to ?? Infinity, before ?? Infinity);
  const terms = [
    range && "preset" in range && `age:<${range.preset}`,
    still && `accepted:>=${instant(still.from)}`,
    until < Infinity && `accepted:<${instant(until)}`,
  ];
  return terms.filter(Boolean).join(" ");
}

/** The query with what its last word may become: the fields of inputs that it is the beginning of. */
export function fieldsToComplete(query: string, paths: readonly string[]): string[] {
  const [word = ""] = /\S*$/.exec(query)!;
  const sign = word.startsWith("-") ? "-" : "";
  const begun = word.slice(sign.length);
  const names = paths.map((path) => `input.${path}:`);
  const before = query.slice(0, query.length - word.length);
  // From `in` on: one letter is no wish for any of them.
  if (begun.length < 2) return [];
  return names
    .filter((name) => name.startsWith(begun) && name !== begun)
    .map((name) => `${before}${sign}${name}`);
}

/** The query of these jobs alone; undefined for one that speaks of jobs already, for of one field any value may hold. */
export function ofJobs(query: string, jobs: readonly string[]): string | undefined {
  if (/(^|\s)job:/.test(query)) return undefined;
  return [query, `job:${jobs.join(",")}`].filter(Boolean).join(" ");
}

export function runsPath(query: string, cursor: string | undefined): string {
  const parameters = new URLSearchParams({ limit: "200" });
  if (query !== "") parameters.set("q", query);
  if (cursor !== undefined) parameters.set("cursor", cursor);
  return `/api/v1/runs?${parameters}`;
}
