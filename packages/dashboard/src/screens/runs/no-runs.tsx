import { parseQuery } from "@millrace/core";
import type { RunCount } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../data/ask.ts";
import { Empty } from "../../parts/conditions.tsx";
import { inAddress } from "../../routing/range.ts";
import { go, withQuery } from "../../routing/router.ts";
import { type Time, termsOf, within } from "./run-query.ts";
import { troubleWith } from "./run-search.tsx";

/** More are not counted: each is a search. */
const MOST_TERMS = 5;

/** One part of what was asked, and what leads to all the rest. */
interface Part {
  term: string;
  /** The query without it. */
  rest: string;
  to: string;
}

/** No run is there at all, or none that fits: then it is shown which part of the query keeps out how many. */
export function NoRuns({ query, time }: { query: string; time: Time }) {
  const parts = partsOf(query, time);
  const counts = useCounts(parts);
  if (parts.length === 0) {
    return (
      <Empty title="No run yet" command={firstRequest()}>
        <p>Whatever asks for one makes it: the API, a schedule, another run. From a terminal:</p>
      </Empty>
    );
  }
  const most = mostIn(parts, counts);
  return (
    <Empty title="No run is like this">
      <p>
        Nothing fits <code>{within(query, time)}</code>.{" "}
        {most && (
          <>
            What keeps out most is <code>{most.term}</code>.{" "}
            <button type="button" onClick={() => go(most.to)}>
              Drop it
            </button>
          </>
        )}
      </p>
      {parts.length > 1 && (
        <ul>
          {parts.map(({ term, rest, to }) => (
            <li key={term}>
              <a href={to}>
                Without <code>{term}</code>
              </a>
              {counts[rest] && <span class="muted"> {inWords(counts[rest])}</span>}
            </li>
          ))}
        </ul>
      )}
      <p>
        <button
          type="button"
          onClick={() => go(withQuery({ q: undefined, ...inAddress(undefined) }))}
        >
          Show all runs
        </button>
      </p>
    </Empty>
  );
}

function partsOf(query: string, time: Time): Part[] {
  const terms = parseQuery(query).terms.slice(0, MOST_TERMS);
  const parts = terms.map(({ at, length }): Part => {
    const rest = `${query.slice(0, at)}${query.slice(at + length)}`.replaceAll(/\s+/g, " ").trim();
    return {
      term: query.slice(at, at + length),
      rest: within(rest, time),
      to: withQuery({ q: rest }),
    };
  });
  const { range, before } = time;
  const ofTime = [
    {
      term: termsOf({ range, before: undefined }),
      rest: within(query, { range: undefined, before }),
      to: withQuery({ range: undefined, from: undefined, to: undefined }),
    },
    {
      term: termsOf({ range: undefined, before }),
      rest: within(query, { range, before: undefined }),
      to: withQuery({ before: undefined }),
    },
  ];
  parts.push(...ofTime.filter(({ term }) => term !== ""));
  // Of several values with commas between them, one cannot be taken away so.
  return parts.filter(({ rest }) => !troubleWith(rest));
}

type Counts = Readonly<Record<string, RunCount>>;

/** How many runs there are by each of the queries; absent until that is known, and where it cannot be. */
function useCounts(parts: readonly Part[]): Counts {
  const [counts, setCounts] = useState<Counts>({});
  const queries = parts.length > 1 ? parts.map(({ rest }) => rest) : [];
  useEffect(() => {
    const stop = new AbortController();
    setCounts({});
    const count = async () => {
      // One after the other: each is a search, and who looks has two at a time.
      for (const q of queries) {
        const path = `/api/v1/runs/count?${new URLSearchParams({ q })}`;
        const { data } = await ask<RunCount>(path, { signal: stop.signal });
        if (data) setCounts((known) => ({ ...known, [q]: data }));
      }
    };
    // It is a help; what cannot be counted is told without.
    count().catch(() => undefined);
    return () => stop.abort();
  }, [queries.join("\n")]);
  return counts;
}

/** The part without which there would be most; undefined until all are counted, and where none helps. */
function mostIn(parts: readonly Part[], counts: Counts): Part | undefined {
  if (parts.length === 1) return parts[0];
  if (!parts.every(({ rest }) => counts[rest])) return undefined;
  const [first] = [...parts].sort((a, b) => counts[b.rest]!.count - counts[a.rest]!.count);
  return first && counts[first.rest]!.count > 0 ? first : undefined;
}

function inWords({ count, more, complete }: RunCount): string {
  return `${count.toLocaleString("en")}${more || !complete ? "+" : ""}`;
}

function firstRequest(): string {
  return `curl -X POST ${location.origin}/automations -H "Authorization: Bearer $MILLRACE_API_KEY" -H "Content-Type: application/json" -d '{"job_type":"greet","payload":{"name":"Ada"}}'`;
}
