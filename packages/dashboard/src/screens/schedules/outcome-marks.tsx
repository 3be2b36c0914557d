import type { OccurrenceInfo } from "@millrace/core/api";
import { Icon, type IconName } from "../../design/icon.tsx";
import { exactTime, inUtc } from "../../parts/moment.ts";

const LOOKS: Record<OccurrenceInfo["outcome"], { token: string; shape: IconName }> = {
  planned: { token: "queued", shape: "queued" },
  fired: { token: "succeeded", shape: "completed" },
  "caught up": { token: "retrying", shape: "retrying" },
  merged: { token: "cancelled", shape: "merged" },
  skipped: { token: "cancelled", shape: "cancelled" },
};

/** What became of the last occurrences, oldest first; those with a run lead to it. */
export function OutcomeMarks({ occurrences }: { occurrences: readonly OccurrenceInfo[] }) {
  if (occurrences.length === 0) return <span class="muted">nothing yet</span>;
  return (
    <span class="marks">
      {occurrences.toReversed().map(({ nominal, outcome, reason, runId, alert }) => {
        const { token, shape } = LOOKS[outcome];
        const said = [exactTime(nominal, inUtc.value).slice(0, 16), outcome, alert ?? reason]
          .filter(Boolean)
          .join(", ");
        const mark = <Icon name={alert ? "warning" : shape} />;
        const look = `mark state-${alert ? "failed" : token}`;
        return runId ? (
          <a key={nominal} class={look} href={`/runs/${runId}`} title={said} aria-label={said}>
            {mark}
          </a>
        ) : (
          <span key={nominal} class={look} title={said}>
            {mark}
            <span class="unseen">{said}</span>
          </span>
        );
      })}
    </span>
  );
}

/** The outcome with its shape. */
export function OutcomeWord({ outcome }: { outcome: OccurrenceInfo["outcome"] }) {
  const { token, shape } = LOOKS[outcome];
  return (
    <span class={`state state-${token}`}>
      <Icon name={shape} /> {outcome}
    </span>
  );
}
