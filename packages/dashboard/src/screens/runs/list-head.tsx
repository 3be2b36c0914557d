import type { RunCount, RunPage } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { useResource } from "../../data/resource.ts";

/** How many there are, when somebody asks: to count costs more than to look. */
export function Count({ query }: { query: string }) {
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
export function Searched({ page }: { page: RunPage | undefined }) {
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
