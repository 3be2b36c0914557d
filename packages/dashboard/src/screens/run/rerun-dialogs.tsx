import type { AcceptedRun, Run } from "@millrace/core/api";
import { readExactJson } from "@millrace/core";
import { act } from "../../data/act.ts";
import { ActDialog, useOnceKey } from "../../parts/act-dialog.tsx";
import { PayloadChanges } from "../../parts/payload-changes.tsx";
import { EditedInput, useEditedInput } from "./edited-input.tsx";
import { RUN_CHANGES, goToNew } from "./run-changes.ts";
import { useDeadLetter } from "./use-dead-letter.ts";

interface Props {
  run: Run;
  onClose: () => void;
}

export function RetryDialog({ run, onClose }: Props) {
  const idempotencyKey = useOnceKey(run.id);
  const isOpen = useDeadLetter(run)?.handled === null;
  return (
    <ActDialog<AcceptedRun>
      title={`Retry ${run.job}`}
      verb="Retry 1 run"
      permission="operate"
      onClose={onClose}
      run={() => act(`/api/v1/runs/${run.id}/rerun`, { idempotencyKey }, RUN_CHANGES)}
      onDone={goToNew(run, leaving(isOpen))}
    >
      <p>A new run of the same job with the same input; this one stays as it ended.</p>
      {isOpen && <Leaves />}
    </ActDialog>
  );
}

/** Of a run that has ended: the new one is a rerun of it, with what was changed in the input. */
export function EditDialog({ run, onClose }: Props) {
  const edit = useEditedInput(run.input);
  const { patch, wrong } = edit;
  const changed = patch !== undefined && patch.length > 0;
  const body = changed ? { patch } : {};
  const idempotencyKey = useOnceKey(body);
  const letter = useDeadLetter(run);
  const isOpen = letter?.handled === null;
  return (
    <ActDialog<AcceptedRun>
      title={`Rerun ${run.job} with another input`}
      verb={changed ? "Rerun 1 run with this input" : "Rerun 1 run"}
      permission="operate"
      why={wrong}
      wide
      onClose={onClose}
      run={() => act(`/api/v1/runs/${run.id}/rerun`, { body, idempotencyKey }, RUN_CHANGES)}
      onDone={goToNew(run, leaving(isOpen))}
    >
      <p class="muted">
        A new run, which the server checks against the job's schema; this one stays as it ended.
        Only what you change is sent.
      </p>
      {isOpen && <Leaves />}
      {letter?.diff && <PayloadChanges diff={letter.diff} />}
      <EditedInput edit={edit} />
    </ActDialog>
  );
}

/** Of a run that goes on: the new one stands beside it. */
export function EditOpenDialog({ run, onClose }: Props) {
  const edit = useEditedInput(run.input);
  const { text, wrong } = edit;
  const { job, queue, correlationId } = run;
  const body = {
    ...{ job, queue, input: wrong === undefined ? readExactJson(text) : null },
    ...(correlationId !== null && { correlationId }),
  };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<AcceptedRun>
      title={`Run ${job} with another input`}
      verb="Run it"
      permission="start"
      why={wrong}
      wide
      onClose={onClose}
      run={() => act("/api/v1/runs", { body, idempotencyKey }, RUN_CHANGES)}
      onDone={goToNew(run)}
    >
      <p class="muted">
        A new run beside this one, which goes on; the server checks the input against the job's
        schema.
      </p>
      <EditedInput edit={edit} />
    </ActDialog>
  );
}

function Leaves() {
  return (
    <p>
      It is a <a href="/dead">dead letter</a> that nobody has handled: the rerun handles it, and it
      leaves them.
    </p>
  );
}

function leaving(isOpen: boolean): string {
  return isOpen ? ", and this one left the dead letters" : "";
}
