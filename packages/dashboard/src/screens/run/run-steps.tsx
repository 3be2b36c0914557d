import type { Run } from "@millrace/core/api";
import { ActionButton } from "../../parts/action-button.tsx";
import { StateBadge } from "../../parts/state-badge.tsx";
import { At, Took } from "../../parts/time.tsx";
import { go, withQuery } from "../../routing/router.ts";
import { stepName } from "./fork-dialog.tsx";

/** Every step that is on record; from each the run can be done again. */
export function RunSteps({ run: { steps } }: { run: Run }) {
  if (steps.length === 0) return <p class="muted">This run has no steps on record.</p>;
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
