import type { RunPage, RunSummary } from "@millrace/core/api";
import { useCallback, useEffect, useState } from "preact/hooks";
import { useLiveRuns } from "../../data/live.ts";
import { type Paging, useKeysetList } from "../../data/keyset-list.ts";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { RangePicker } from "../../parts/range-picker.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { type Range, rangeOf } from "../../routing/range.ts";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { ColumnPicker } from "./column-picker.tsx";
import { chosenColumns, columnsNamed, keepColumns } from "./columns.tsx";
import { ExportRuns } from "./export-runs.tsx";
import { Count, Searched } from "./list-head.tsx";
import { MatchingDialog } from "./matching-dialog.tsx";
import { NoRuns } from "./no-runs.tsx";
import { runsPath, within } from "./run-query.ts";
import { RunRow } from "./run-row.tsx";
import { QuickFilters, SearchBox, troubleWith } from "./run-search.tsx";
import { SelectionBar } from "./selection-bar.tsx";
import { useTicked } from "./use-ticked.ts";
import { Views } from "./views.tsx";
import "./runs.css";

/** Runs, newest first, by whatever one looks for. */
export function RunsScreen({ isScreen }: ScreenProps) {
  const address = place.value.query;
  const query = address.get("q") ?? "";
  const range = rangeOf(address);
  const whole = within(query, range);
  const [picking, setPicking] = useState(false);
  const columns = chosenColumns(address.get("columns"));
  const choose = (names: readonly string[]) => {
    keepColumns(names.length === 0 ? columnsNamed().map(({ name }) => name) : names);
    // The same address again draws anew, by what is kept now.
    go(withQuery({ columns: undefined }), "replace");
  };
  return (
    <Page
      title="Runs"
      actions={
        <>
          <Views query={whole} columns={columns} />
          <button type="button" aria-haspopup="dialog" onClick={() => setPicking(true)}>
            Columns
          </button>
          <ExportRuns query={whole} />
          <CopyAs
            request={{ path: runsPath(whole, undefined) }}
            cli={whole === "" ? "millrace runs" : `millrace runs ${shellQuoted(whole)}`}
          />
        </>
      }
    >
      <SearchBox query={query} />
      <div class="row filters">
        <QuickFilters query={query} />
        <RangePicker />
      </div>
      {!troubleWith(whole) && (
        <RunList query={query} range={range} columns={columns} isScreen={isScreen} />
      )}
      {picking && (
        <ColumnPicker chosen={columns} onChoose={choose} onClose={() => setPicking(false)} />
      )}
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

function RunList({
  query: asked,
  range,
  columns: chosen,
  isScreen,
}: {
  query: string;
  range: Range | undefined;
  columns: readonly string[] | undefined;
} & Pick<ScreenProps, "isScreen">) {
  const query = within(asked, range);
  const columns = columnsNamed(chosen);
  const { list, old, trouble } = useKeysetList(query, pagingOf(query));
  const { ticked, tick, clear } = useTicked(query, (index) => list.row(index)?.id);
  const [current, setCurrent] = useState<number>();
  const [all, setAll] = useState(false);
  useEffect(() => setCurrent(undefined), [query]);
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
  const at = current === undefined ? undefined : list.row(current);
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => current !== undefined && tick(current, false),
    X: () => current !== undefined && tick(current, true),
    "Mod+a": () => query !== "" && length > 0 && setAll(true),
    o: () => at && window.open(`/runs/${at.id}`, "_blank", "noreferrer"),
    R: () => at && go(`/runs/${at.id}?do=retry`),
    E: () => at && go(`/runs/${at.id}?do=edit`),
    C: () => at && go(`/runs/${at.id}?do=cancel`),
    Escape: clear,
  });

  if (trouble && parts.length === 0) {
    return <TroublePanel trouble={trouble} onRetry={() => void list.begin()} />;
  }
  if (parts.length === 0) return <Loading what="runs" rows={12} />;
  if (length === 0 && ended) return <NoRuns query={asked} range={range} />;
  return (
    <div class={old || trouble ? "dim" : undefined} aria-busy={old}>
      <div class="list-head" role="status">
        <span class="muted">
          {length.toLocaleString("en")}
          {ended ? "" : "+"} {length === 1 && ended ? "run" : "runs"}
          <Searched page={page} query={asked} />
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
      <div
        role="table"
        aria-label="Runs"
        aria-rowcount={ended ? length + 1 : -1}
        class={`run-table${chosen ? " chosen-columns" : ""}`}
        style={{ "--columns": columns.map(({ width }) => width).join(" ") }}
      >
        <div role="rowgroup" class="run-head">
          <div role="row" aria-rowindex={1} class="run-row">
            <span role="columnheader" class="cell-tick">
              <span class="unseen">Ticked</span>
            </span>
            {columns.map(({ name, title }) => (
              <span role="columnheader" key={name} class={`cell-${name}`}>
                {title}
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
                columns={columns}
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
          ids={ticked}
          all={
            query === ""
              ? undefined
              : { count: ended ? length : undefined, open: () => setAll(true) }
          }
          onClear={clear}
        />
      )}
      {all && <MatchingDialog query={query} isScreen={isScreen} onClose={() => setAll(false)} />}
    </div>
  );
}
