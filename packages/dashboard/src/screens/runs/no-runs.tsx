import { parseQuery } from "@millrace/core";
import type { RunCount } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Empty } from "../../parts/conditions.tsx";
import { go, withQuery } from "../../routing/router.ts";
import { troubleWith } from "./run-search.tsx";

/** More are not counted: each is a search. */
const MOST_TERMS = 5;

/** No run is there at all, or none that fits: then it is shown which part of the query keeps out how many. */
export function NoRuns({ query }: { query: string }) {
  if (query === "") {
    return (
      <Empty title="No run yet" command={firstRequest()}>
        <p>Whatever asks for one makes it: the API, a schedule, another run. From a terminal:</p>
      </Empty>
    );
  }
  const { terms } = parseQuery(query);
  const parts = terms.slice(0, MOST_TERMS).map(({ at, length }) => ({
    term: query.slice(at, at + length),
    rest: `${query.slice(0, at)}${query.slice(at + length)}`.replaceAll(/\s+/g, " ").trim(),
  }));
  // Of several values with commas between them, one cannot be taken away so.
  const separate = parts.filter(({ rest }) => !troubleWith(rest));
  return (
    <Empty title="No run is like this">
      <p>
        Nothing fits <code>{query}</code>.
      </p>
      {separate.length > 1 && (
        <ul>
          {separate.map((one) => (
            <Without key={one.term} {...one} />
          ))}
        </ul>
      )}
      <p>
        <button type="button" onClick={() => go(withQuery({ q: undefined }))}>
          Show all runs
        </button>
      </p>
    </Empty>
  );
}

/** What there is without one term. */
function Without({ term, rest }: { term: string; rest: string }) {
  const path = `/api/v1/runs/count?${new URLSearchParams({ q: rest })}`;
  const { data } = useResource<RunCount>(path, { everyMs: 0 });
  return (
    <li>
      <a href={withQuery({ q: rest })}>
        Without <code>{term}</code>
      </a>
      {data && (
        <span class="muted">
          {" "}
          {data.count.toLocaleString("en")}
          {(data.more || !data.complete) && "+"}
        </span>
      )}
    </li>
  );
}

function firstRequest(): string {
  return `curl -X POST ${location.origin}/automations -H "Authorization: Bearer $MILLRACE_API_KEY" -H "Content-Type: application/json" -d '{"job_type":"greet","payload":{"name":"Ada"}}'`;
}
