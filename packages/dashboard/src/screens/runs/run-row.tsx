import type { RunSummary } from "@millrace/core/api";
import { isFinal } from "@millrace/core";
import { shownState } from "../../design/states.ts";
import { Words } from "../../parts/words.tsx";
import { StateBadge } from "../../parts/state-badge.tsx";
import { Age, Took } from "../../parts/time.tsx";
import { lengthInWords, now } from "../../parts/moment.ts";

/** Of the columns the words at their heads, in the order in which they stand. */
export const COLUMNS = ["Status", "Job", "Run", "Why", "Queue", "Try", "Waited", "Took", "Age"];

/** A run in a list: a row, on a small screen a card. */
export function RunRow({
  run,
  index,
  ticked,
  current,
  onTick,
}: {
  run: RunSummary;
  index: number;
  ticked: boolean;
  current: boolean;
  onTick: (upTo: boolean) => void;
}) {
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
          onClick={(event) => onTick(event.shiftKey)}
        />
      </span>
      <span role="cell" class="cell-state">
        <StateBadge state={shownState(run)} />
      </span>
      <span role="cell" class="cell-job" title={run.job}>
        <a href={`/runs/${run.id}`} class="open" tabIndex={current ? 0 : -1}>
          {run.job}
        </a>
      </span>
      <span role="cell" class="cell-id" title={run.id}>
        <code>{shortId(run.id)}</code>
      </span>
      <span role="cell" class="cell-why" title={whyOf(run)}>
        <Words text={whyOf(run)} />
      </span>
      <span role="cell" class="cell-queue" title={run.queue}>
        {run.queue}
      </span>
      <span role="cell" class="cell-try">
        {run.attempt || "–"}
      </span>
      <span role="cell" class="cell-waited">
        {waited(run)}
      </span>
      <span role="cell" class="cell-took">
        <Took
          from={run.startedAt}
          until={run.finishedAt ?? (run.state === "running" ? null : run.startedAt)}
        />
      </span>
      <span role="cell" class="cell-age">
        <Age at={run.createdAt} />
      </span>
      <span role="cell" class="cell-actions">
        {ended && <a href={`/runs/${run.id}?do=retry`}>Retry</a>}
        <a href={`/runs/${run.id}?do=edit`}>Edit</a>
        {!ended && <a href={`/runs/${run.id}?do=cancel`}>Cancel</a>}
      </span>
    </div>
  );
}

/** Ids begin with the time, and those that were made together end alike: between the two they differ. */
export function shortId(id: string): string {
  return id.slice(9, 18);
}

/** One line of why it is as it is. */
function whyOf({ state, error, reason }: RunSummary): string {
  if (state === "completed") return "";
  if (error && (state === "failed" || state === "scheduled")) {
    const [line = ""] = error.message.split("\n");
    return `${error.class}: ${line}`;
  }
  return reason ?? "";
}

/** From when it could have started until it did, or until now. */
function waited({ createdAt, runAt, startedAt, finishedAt, attempt }: RunSummary): string {
  // Of what was tried again, the start of the last attempt says nothing about the wait before the first.
  if (attempt > 1) return "–";
  const from = Math.max(Date.parse(createdAt), runAt ? Date.parse(runAt) : 0);
  const until = startedAt ?? finishedAt;
  const ms = (until ? Date.parse(until) : now.value) - from;
  return ms < 0 ? "–" : lengthInWords(ms);
}
