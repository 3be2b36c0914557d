import { readExactJson } from "@millrace/core";
import type { ForkedRun, Run, RunStep } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog, counted, useOnceKey } from "../../parts/act-dialog.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { place } from "../../routing/router.ts";
import { EditedInput, useEditedInput } from "./edited-input.tsx";
import { RUN_CHANGES, goToNew } from "./run-changes.ts";

/** Runs it again from one of its steps: what those before have on record is kept. Which step stands in the address. */
export function ForkDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const { steps, job } = run;
  const { query } = place.value;
  const asked = steps.findIndex(
    ({ name, ordinal }) => name === query.get("step") && ordinal === Number(query.get("use") ?? 1),
  );
  const [chosen, setChosen] = useState(String(Math.max(0, asked)));
  const { name: step, ordinal } = steps[Number(chosen)]!;
  const edit = useEditedInput(run.input);
  const { text, patch, wrong } = edit;
  const changed = patch !== undefined && patch.length > 0;
  const body = { step, ordinal, ...(changed && { input: readExactJson(text) }) };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<ForkedRun>
      title={`Run ${job} again from a step`}
      verb={`Run again from ${step}`}
      permission="operate"
      why={wrong}
      wide
      onClose={onClose}
      run={() => act(`/api/v1/runs/${run.id}/fork`, { body, idempotencyKey }, RUN_CHANGES)}
      onDone={(made) => goToNew(run, `, with ${counted(made.steps, "step")} on record`)(made)}
    >
      <p class="muted">
        A new run that begins with what this one has on record before that step, and does all from
        there anew. This one stays as it is.
      </p>
      <ChoiceField
        label="The first step that is done again"
        value={chosen}
        choices={steps.map((one, index) => [String(index), stepName(one)] as const)}
        onChange={setChosen}
      />
      {changed && <p>Steps before it keep what they gave for the old input.</p>}
      <EditedInput edit={edit} />
    </ActDialog>
  );
}

export function stepName({ name, ordinal }: Pick<RunStep, "name" | "ordinal">): string {
  return ordinal > 1 ? `${name} (${ordinal})` : name;
}
