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

export function runsPath(query: string, cursor: string | undefined): string {
  const parameters = new URLSearchParams({ limit: "200" });
  if (query !== "") parameters.set("q", query);
  if (cursor !== undefined) parameters.set("cursor", cursor);
  return `/api/v1/runs?${parameters}`;
}
