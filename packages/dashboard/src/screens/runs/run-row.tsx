import type { RunSummary } from "@millrace/core/api";
import { isFinal } from "@millrace/core";
import { memo } from "../../parts/memo.ts";
import type { Column } from "./columns.tsx";
import { shortId } from "./short-id.ts";

interface RowProps {
  run: RunSummary;
  columns: readonly Column[];
  index: number;
  ticked: boolean;
  current: boolean;
  /** The same at every rendering. */
  onTick: (index: number, upTo: boolean) => void;
}

/** A run in a list: a row, on a small screen a card. */
export const RunRow = memo(({ run, columns, index, ticked, current, onTick }: RowProps) => {
  const ended = isFinal(run.state);
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={ticked}
      class={`run-row${ticked ? " ticked" : ""}${current ? " current" : ""}`}
      data-row={index}
    >
      <span role="cell" class="cell-tick">
        <input
          type="checkbox"
          checked={ticked}
          aria-label={`Tick run ${shortId(run.id)} of ${run.job}`}
          onClick={(event) => onTick(index, event.shiftKey)}
        />
      </span>
      {columns.map(({ name, hint, cell }) => (
        <span role="cell" key={name} class={`cell-${name}`} title={hint?.(run)}>
          {name === "job" ? (
            <a href={`/runs/${run.id}`} class="open" tabIndex={current ? 0 : -1}>
              {cell(run)}
            </a>
          ) : (
            cell(run)
          )}
        </span>
      ))}
      <span role="cell" class="cell-actions">
        {ended && <a href={`/runs/${run.id}?do=retry`}>Retry</a>}
        <a href={`/runs/${run.id}?do=edit`}>Edit</a>
        {!ended && <a href={`/runs/${run.id}?do=cancel`}>Cancel</a>}
      </span>
    </div>
  );
});
