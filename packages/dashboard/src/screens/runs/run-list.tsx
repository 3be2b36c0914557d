import type { RunPage, RunSummary } from "@millrace/core/api";
import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { type Paging, useKeysetList } from "../../data/keyset-list.ts";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import type { Shared } from "../../parts/share.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { go } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { columnsNamed } from "./columns.tsx";
import { ListHead } from "./list-head.tsx";
import { MatchingDialog } from "./matching-dialog.tsx";
import { NoRuns } from "./no-runs.tsx";
import { type Time, runsPath, within } from "./run-query.ts";
import { RunRow } from "./run-row.tsx";
import { Scrubber } from "./scrubber.tsx";
import { SelectionBar } from "./selection-bar.tsx";
import { useTicked } from "./use-ticked.ts";
import { WatchedRows } from "./watched-rows.tsx";

function pagingOf(query: string): Paging<RunSummary, RunPage> {
  return {
    path: (cursor) => runsPath(query, cursor),
    rows: ({ runs }) => runs,
    next: ({ nextCursor }) => nextCursor,
    key: ({ id }) => id,
  };
}

/** What a query finds, of the time that is looked at: as long as it is, of which only what is seen is drawn. */
export function RunList({
  query: asked,
  time,
  shared,
  columns: chosen,
  isScreen,
}: {
  query: string;
  time: Time;
  /** What is kept of it by who shares it. */
  shared: Shared;
  columns: readonly string[] | undefined;
} & Pick<ScreenProps, "isScreen">) {
  const query = within(asked, time);
  const columns = useMemo(() => columnsNamed(chosen), [chosen?.join()]);
  const { list, old, trouble } = useKeysetList(query, pagingOf(query));
  const { ticked, tick, clear } = useTicked(query, (index) => list.row(index)?.id);
  const [current, setCurrent] = useState<number>();
  const [all, setAll] = useState(false);
  useEffect(() => setCurrent(undefined), [query]);
  // A signal, so that a scroll draws no more than the rows that come.
  const shown = useSignal<readonly [number, number]>([0, 0]);
  const seen = useSignal<number | undefined>(undefined);
  const onShow = useCallback(
    (first: number, last: number) => {
      list.need(first, last);
      shown.value = [first, last];
    },
    [list, shown],
  );
  const [length, ended] = [list.length.value, list.ended.value];

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

  const begun = list.begun.value;
  if (trouble && !begun) {
    return <TroublePanel trouble={trouble} onRetry={() => void list.begin()} />;
  }
  const isEmpty = length === 0 && ended;
  if (isEmpty && !old && query === "") return <NoRuns query={asked} time={time} />;
  const rows = () => (
    <div class={old || trouble ? "dim" : undefined} aria-busy={old}>
      <ListHead query={query} asked={asked} list={list} />
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
                onTick={tick}
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
          shared={{ ...shared, runs: ticked }}
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
  return (
    <div class="run-list">
      <Scrubber time={time} seen={seen} ready={begun} />
      <WatchedRows list={list} shown={shown} seen={seen} />
      {!begun || (isEmpty && old) ? (
        <Loading what="runs" rows={12} />
      ) : isEmpty ? (
        <NoRuns query={asked} time={time} />
      ) : (
        rows()
      )}
    </div>
  );
}
