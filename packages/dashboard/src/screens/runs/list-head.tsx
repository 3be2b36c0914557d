import type { RunCount, RunPage, RunSummary } from "@millrace/core/api";
import { useState } from "preact/hooks";
import type { KeysetList } from "../../data/keyset-list.ts";
import { useResource } from "../../data/resource.ts";
import { withQuery } from "../../routing/router.ts";
import { ofJobs } from "./run-query.ts";

/** How much of a list is there, and what waits. */
export function ListHead({
  query,
  asked,
  list,
}: {
  /** With the time that is looked at. */
  query: string;
  /** The same as it was written, without. */
  asked: string;
  list: KeysetList<RunSummary, RunPage>;
}) {
  const [length, ended, fresh] = [list.length.value, list.ended.value, list.fresh.value];
  return (
    <div class="list-head" role="status">
      <span class="muted">
        {length.toLocaleString("en")}
        {ended ? "" : "+"} {length === 1 && ended ? "run" : "runs"}
        <Searched page={list.page.value} query={asked} />
      </span>
      {!ended && <Count key={query} query={query} />}
      {fresh > 0 && (
        <button
          type="button"
          class="pill"
          onClick={() => {
            void list.begin();
            scrollTo(0, 0);
          }}
        >
          {fresh} new
        </button>
      )}
      {list.loading.value && (
        <span class="muted" aria-hidden="true">
          …
        </span>
      )}
    </div>
  );
}

/** How many there are, when somebody asks: to count costs more than to look. */
function Count({ query }: { query: string }) {
  const [asked, setAsked] = useState(false);
  const parameters = query === "" ? "" : `?${new URLSearchParams({ q: query })}`;
  const path = `/api/v1/runs/count${parameters}`;
  const { data, trouble } = useResource<RunCount>(asked ? path : undefined, { everyMs: 0 });
  if (data) {
    const least = data.more || !data.complete;
    return (
      <strong>
        {data.count.toLocaleString("en")}
        {least && "+"} in all
      </strong>
    );
  }
  if (asked) return <span class="muted">{trouble ? trouble.title : "counting…"}</span>;
  return (
    <button type="button" class="link" onClick={() => setAsked(true)}>
      Count
    </button>
  );
}

/** How far a search has come that the server stopped, and what the index of searchable fields did, or could do, for it. */
function Searched({ page, query }: { page: RunPage | undefined; query: string }) {
  const searched = page?.searched;
  if (!searched) return null;
  const { complete, back, index } = searched;
  const [looked, total] = [searched.looked, searched.total].map((n) => n?.toLocaleString("en"));
  return (
    <>
      {index?.used && (
        <>
          {" "}
          · looked up by <code>{index.path}</code>
          {index.from && !complete && ` back to ${new Date(index.from).toLocaleString()}`}
        </>
      )}
      {!complete && back && (
        <>
          {" "}
          · searched {looked ?? "some"}
          {total && ` of ~${total}`}, back to {new Date(back).toLocaleString()}
        </>
      )}
      {!complete && index && !index.used && <LookUp index={index} query={query} />}
    </>
  );
}

/** Some jobs declare the field, and others do not: those alone are found at once. */
function LookUp({
  index: { path, jobs },
  query,
}: {
  index: NonNullable<NonNullable<RunPage["searched"]>["index"]>;
  query: string;
}) {
  const narrowed = ofJobs(query, jobs);
  if (narrowed === undefined) return null;
  const named = jobs.length === 1 ? jobs[0] : `${jobs.length} jobs`;
  return (
    <>
      {" "}
      · <code>{path}</code> is searchable in{" "}
      <a href={withQuery({ q: narrowed })} title={jobs.join(", ")}>
        {named}: look only there
      </a>
    </>
  );
}
