import type { RunCount, RunPage, RunSummary } from "@millrace/core/api";
import { useCallback, useEffect, useState } from "preact/hooks";
import { useLiveRuns } from "../../data/live.ts";
import { type Paging, useKeysetList } from "../../data/keyset-list.ts";
import { useResource } from "../../data/resource.ts";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { go, place } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { QuickFilters, SearchBox, troubleWith } from "./run-search.tsx";
import { COLUMNS, RunRow } from "./run-row.tsx";
import { runsPath } from "./run-query.ts";
import { NoRuns } from "./no-runs.tsx";
import { SelectionBar } from "./selection-bar.tsx";

/** Runs, newest first, by whatever one looks for. */
export function RunsScreen({ isScreen }: ScreenProps) {
  const query = place.value.query.get("q") ?? "";
  return (
    <Page
      title="Runs"
      actions={
        <CopyAs
          request={{ path: runsPath(query, undefined) }}
          cli={query === "" ? "millrace runs" : `millrace runs ${shellQuoted(query)}`}
        />
      }
    >
      <SearchBox query={query} />
      <QuickFilters query={query} />
      {!troubleWith(query) && <RunList query={query} isScreen={isScreen} />}
    </Page>
  );
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function pagingOf(query: string): Paging<RunSummary, RunPage> {
  return {
    path: (cursor) => runsPath(query, cursor),
    rows: ({ runs }) => runs,
    next: ({ nextCursor }) => nextCursor,
    key: ({ id }) => id,
  };
}

function RunList({ query, isScreen }: { query: string } & Pick<ScreenProps, "isScreen">) {
  const { list, old, trouble } = useKeysetList(query, pagingOf(query));
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState<number>();
  const [lastTicked, setLastTicked] = useState<number>();
  useEffect(() => {
    setTicked(new Set());
    setCurrent(undefined);
  }, [query]);
  const [[from, to], setShown] = useState<readonly [number, number]>([0, 0]);
  const onShow = useCallback(
    (first: number, last: number) => {
      list.need(first, last);
      setShown([first, last]);
    },
    [list],
  );
  const onScreen = Array.from({ length: to - from }, (_, n) => list.row(from + n)?.id ?? "");
  useLiveRuns(onScreen.filter(Boolean), (runs) => list.take(runs));
  const { parts, fresh, loading, page } = list.state.value;
  const { length, ended } = list;

  const move = (by: number) => {
    const next = Math.min(length - 1, Math.max(0, current === undefined ? 0 : current + by));
    setCurrent(next);
    // Once it is there.
    requestAnimationFrame(() =>
      document
        .querySelector<HTMLElement>(`[data-row="${next}"] a.open`)
        ?.focus({ preventScroll: true }),
    );
  };
  const tick = (index: number, upTo: boolean) => {
    const changed = new Set(ticked);
    const from = upTo && lastTicked !== undefined ? Math.min(lastTicked, index) : index;
    const to = upTo && lastTicked !== undefined ? Math.max(lastTicked, index) : index;
    const adds = upTo || !ticked.has(list.row(index)?.id ?? "");
    for (let one = from; one <= to; one++) {
      const id = list.row(one)?.id;
      if (id !== undefined) changed[adds ? "add" : "delete"](id);
    }
    setLastTicked(index);
    setTicked(changed);
  };
  const at = current === undefined ? undefined : list.row(current);
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => current !== undefined && tick(current, false),
    X: () => current !== undefined && tick(current, true),
    o: () => at && window.open(`/runs/${at.id}`, "_blank", "noreferrer"),
    R: () => at && go(`/runs/${at.id}?do=retry`),
    E: () => at && go(`/runs/${at.id}?do=edit`),
    C: () => at && go(`/runs/${at.id}?do=cancel`),
    Escape: () => setTicked(new Set()),
  });

  if (trouble && parts.length === 0) {
    return <TroublePanel trouble={trouble} onRetry={() => void list.begin()} />;
  }
  if (parts.length === 0) return <Loading what="runs" rows={12} />;
  if (length === 0 && ended) return <NoRuns query={query} />;
  return (
    <div class={old || trouble ? "dim" : undefined} aria-busy={old}>
      <div class="list-head" role="status">
        <span class="muted">
          {length.toLocaleString("en")}
          {ended ? "" : "+"} {length === 1 && ended ? "run" : "runs"}
          <Searched page={page} />
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
        {loading && (
          <span class="muted" aria-hidden="true">
            …
          </span>
        )}
      </div>
      <div role="table" aria-label="Runs" aria-rowcount={ended ? length + 1 : -1} class="run-table">
        <div role="rowgroup" class="run-head">
          <div role="row" aria-rowindex={1} class="run-row">
            <span role="columnheader" class="cell-tick">
              <span class="unseen">Ticked</span>
            </span>
            {COLUMNS.map((column) => (
              <span
                role="columnheader"
                key={column}
                class={`cell-${CELL[column] ?? column.toLowerCase()}`}
              >
                {column}
              </span>
            ))}
            <span role="columnheader" class="cell-actions">
              <span class="unseen">Actions</span>
            </span>
          </div>
        </div>
        <VirtualRows
          count={length}
          reveal={current}
          onShow={onShow}
          row={(index) => {
            const run = list.row(index);
            if (!run) return <div class="bone" />;
            return (
              <RunRow
                run={run}
                index={index}
                ticked={ticked.has(run.id)}
                current={index === (current ?? 0)}
                onTick={(upTo) => tick(index, upTo)}
              />
            );
          }}
        />
      </div>
      {!ended && (
        <p class="row">
          <button type="button" onClick={() => list.need(length, length)}>
            Look further back
          </button>
        </p>
      )}
      {ticked.size > 0 && (
        <SelectionBar
          query={query}
          isScreen={isScreen}
          ids={ticked}
          onClear={() => setTicked(new Set())}
        />
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

const CELL: Record<string, string> = { Status: "state", Run: "id" };

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
