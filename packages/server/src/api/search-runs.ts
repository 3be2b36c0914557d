import { MillraceError } from "@millrace/core";
import {
  type ListRuns,
  MAX_COUNT,
  type RunCount,
  type RunPage,
  type Searched,
} from "@millrace/core/api";
import type { z } from "zod";
import { type AskedOfRuns, countFound, findRuns } from "../engine/search/look-through.ts";
import type { FieldIndex } from "../engine/search/plan-look.ts";
import type { Caller } from "../security/caller.ts";
import { instant } from "./present/instant.ts";
import type { Context } from "./route.ts";
import { summaries } from "./run-summaries.ts";

/** What the filters of before are; a query says the same. */
const FILTERS = ["job", "queue", "state", "correlationId", "parent", "subject"] as const;

/** A page of what a query finds, and how far it has come. */
export async function search(
  context: Pick<Context, "db" | "subjects" | "searches">,
  asked: z.infer<typeof ListRuns>,
  caller: Caller,
): Promise<RunPage> {
  const other = FILTERS.find((name) => asked[name] !== undefined);
  if (other) throw notBesides(other);
  const { rows, next, ended, looked, total, index } = await context.searches.take(caller, () =>
    findRuns(context.db, askedOf(asked, caller), asked.limit),
  );
  const runs = await summaries(context, rows);
  const whole = caller.projects === null;
  return {
    runs,
    nextCursor: next,
    searched: {
      complete: ended || runs.length >= asked.limit,
      back: next === null ? null : runTime(next),
      looked: whole ? looked : null,
      total,
      index: index && presentIndex(index),
    },
  };
}

function presentIndex({ path, used, reach, jobs }: FieldIndex): Searched["index"] {
  return { path, used, from: reach === null ? null : runTime(reach), jobs: [...jobs] };
}

/** How many runs a query finds, up to {@link MAX_COUNT}. */
export async function count(
  { db, searches }: Pick<Context, "db" | "searches">,
  asked: Pick<z.infer<typeof ListRuns>, "q" | "since" | "until">,
  caller: Caller,
): Promise<RunCount> {
  const {
    count: found,
    next,
    ended,
  } = await searches.take(caller, () => countFound(db, askedOf(asked, caller), MAX_COUNT + 1));
  const more = found > MAX_COUNT;
  return {
    count: Math.min(found, MAX_COUNT),
    more,
    complete: ended || more,
    back: next === null || more ? null : runTime(next),
  };
}

function askedOf(
  {
    q = "",
    since,
    until,
    cursor,
  }: Pick<z.infer<typeof ListRuns>, "q" | "since" | "until" | "cursor">,
  { projects }: Caller,
): AskedOfRuns {
  const at = (text: string | undefined) => (text === undefined ? undefined : new Date(text));
  return { query: q, since: at(since), until: at(until), cursor, projects, now: new Date() };
}

/** The instant in a run's id. */
export function runTime(id: string): string {
  return instant(new Date(Number.parseInt(id.replace("-", "").slice(0, 12), 16)));
}

function notBesides(name: string): MillraceError {
  return new MillraceError(
    "invalid_request",
    `${name} is not taken together with q: say it in the query (docs/http-api.md, Search)`,
    { pointer: `/${name}` },
  );
}
