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
  const { job } = run;
  const { query } = place.value;
  const named = { name: query.get("step"), ordinal: Number(query.get("use") ?? 1) };
  const steps = choices(run, named);
  const asked = steps.findIndex((one) => isSame(one, named));
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
        {...(run.stepCount > run.steps.length && {
          hint: `The last ${run.steps.length.toLocaleString("en")} of ${run.stepCount.toLocaleString("en")}; the tab Steps has those before`,
        })}
        value={chosen}
        choices={steps.map((one, index) => [String(index), stepName(one)] as const)}
        onChange={setChosen}
      />
      {changed && <p>Steps before it keep what they gave for the old input.</p>}
      <EditedInput edit={edit} />
    </ActDialog>
  );
}

type Place = Pick<RunStep, "name" | "ordinal">;

function isSame(one: Place, { name, ordinal }: { name: string | null; ordinal: number }): boolean {
  return one.name === name && one.ordinal === ordinal;
}

/** The steps that the run tells, and the one that the address names, which may be an older one: the server knows whether there is one. */
function choices(
  { steps, stepCount }: Run,
  { name, ordinal }: { name: string | null; ordinal: number },
): readonly Place[] {
  if (name === null || stepCount === steps.length) return steps;
  return steps.some((one) => isSame(one, { name, ordinal }))
    ? steps
    : [{ name, ordinal }, ...steps];
}

export function stepName({ name, ordinal }: Place): string {
  return ordinal > 1 ? `${name} (${ordinal})` : name;
}
