import type { RunStep } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { ActionButton } from "../../parts/action-button.tsx";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { StateBadge } from "../../parts/state-badge.tsx";
import { At, Took } from "../../parts/time.tsx";
import { go, withQuery } from "../../routing/router.ts";
import { stepName } from "./fork-dialog.tsx";
import type { StepList } from "./step-list.ts";

/** So many more are shown at a time. */
const PART = 500;

/** The steps that are on record, in parts; from each the run can be done again. */
export function RunSteps({ steps }: { steps: StepList }) {
  const [upTo, setUpTo] = useState(PART);
  const count = Math.min(upTo, steps.length);
  useEffect(() => steps.need(0, count), [steps, count]);
  if (steps.length === 0) return <p class="muted">This run has no steps on record.</p>;
  const shown = Array.from({ length: count }, (_, n) => steps.at(n)).filter((step) => !!step);
  const left = steps.length - count;
  return (
    <>
      <StepTable steps={shown} />
      {steps.trouble && <TroublePanel trouble={steps.trouble} onRetry={() => steps.need()} />}
      {!steps.trouble && shown.length < count && <Loading what="steps" />}
      {left > 0 && (
        <button type="button" class="more" onClick={() => setUpTo(upTo + PART)}>
          Show {Math.min(PART, left).toLocaleString("en")} more of {left.toLocaleString("en")}
        </button>
      )}
    </>
  );
}

function StepTable({ steps }: { steps: readonly RunStep[] }) {
  return (
    <table class="stack">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">Kind</th>
          <th scope="col">Began</th>
          <th scope="col">Took</th>
          <th scope="col">
            <span class="unseen">What can be done</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {steps.map((step) => {
          const { name, ordinal, kind, startedAt, finishedAt } = step;
          const use = ordinal > 1 ? String(ordinal) : undefined;
          return (
            <tr key={`${name} ${ordinal}`}>
              <td class="whole">{stepName(step)}</td>
              <td data-label="Kind">{kind}</td>
              <td data-label="Began">
                <At at={startedAt} />
              </td>
              <td data-label="Took">
                {finishedAt === null ? (
                  <StateBadge state="waiting" />
                ) : (
                  <Took from={startedAt} until={finishedAt} />
                )}
              </td>
              <td class="whole">
                <ActionButton
                  permission="operate"
                  onPress={() => go(withQuery({ do: "fork", step: name, use }), "replace")}
                >
                  Again from here…
                </ActionButton>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
