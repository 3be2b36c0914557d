import type { RunSummary } from "@millrace/core/api";
import { lookOf, shownState } from "../design/states.ts";
import { lengthInWords } from "./length-in-words.ts";
import { runsLink } from "./runs-link.ts";

/**
 * The last runs of a job as bars, oldest first: how long each took, and how it ended. Together they lead to the list of them: one by one they
 * would be too small to be hit.
 *
 * @param runs newest first, as the API lists them
 */
export function RunBars({ job, runs }: { job: string; runs: readonly RunSummary[] }) {
  if (runs.length === 0) return <span class="muted">never ran</span>;
  const longest = Math.max(1, ...runs.map((run) => tookMs(run) ?? 0));
  return (
    <a class="run-bars" href={runsLink({ job })} aria-label={inWords(runs)}>
      {runs.toReversed().map((run) => {
        const { token, word } = lookOf(shownState(run));
        const ms = tookMs(run);
        // By the square root, so that a short one is seen beside a long one.
        const height = 6 + 22 * Math.sqrt((ms ?? 0) / longest);
        return (
          <span
            key={run.id}
            class={`run-bar state-${token}`}
            title={`${word}${ms === undefined ? "" : ` after ${lengthInWords(ms)}`}`}
          >
            <span style={{ height: `${height.toFixed(1)}px` }} />
          </span>
        );
      })}
    </a>
  );
}

/** Undefined for one that has not started, or has not ended. */
function tookMs({ startedAt, finishedAt }: RunSummary): number | undefined {
  if (!startedAt || !finishedAt) return undefined;
  return Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
}

function inWords(runs: readonly RunSummary[]): string {
  const count = (state: string) => runs.filter((run) => run.state === state).length;
  return `The last ${runs.length} runs: ${count("completed")} completed, ${count("failed")} failed`;
}
