import type { RunCount, RunPage, RunSummary } from "@millrace/core/api";
import { useState } from "preact/hooks";
import type { KeysetList } from "../../data/keyset-list.ts";
import { useResource } from "../../data/resource.ts";

/** How much of a list is there, and what waits. */
export function ListHead({
  query,
  list,
}: {
  query: string;
  list: KeysetList<RunSummary, RunPage>;
}) {
  const [length, ended, fresh] = [list.length.value, list.ended.value, list.fresh.value];
  return (
    <div class="list-head" role="status">
      <span class="muted">
        {length.toLocaleString("en")}
        {ended ? "" : "+"} {length === 1 && ended ? "run" : "runs"}
        <Searched page={list.page.value} />
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

/** How far a search has come that the server stopped. */
function Searched({ page }: { page: RunPage | undefined }) {
  const searched = page?.searched;
  if (!searched || searched.complete || !searched.back) return null;
  const [looked, total] = [searched.looked, searched.total].map((n) => n?.toLocaleString("en"));
  return (
    <>
      {" "}
      · searched {looked ?? "some"}
      {total && ` of ~${total}`}, back to {new Date(searched.back).toLocaleString()}
    </>
  );
}
