import type { AcceptedRun, DeadLetterDetail } from "@millrace/core/api";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog, useOnceKey } from "../../parts/act-dialog.tsx";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { PayloadChanges } from "../../parts/payload-changes.tsx";
import { toast } from "../../parts/toast.tsx";
import { EditedInput, useEditedInput } from "../run/edited-input.tsx";
import { DEAD_CHANGES } from "./chosen.ts";
import { ofOne, usePreview } from "./use-preview.ts";

/** Reruns one dead letter, with its input as it was or as somebody has changed it. */
export function RerunOne({ runId, onClose }: { runId: string; onClose: () => void }) {
  const { data, trouble } = useResource<DeadLetterDetail>(`/api/v1/dead-letters/${runId}`, {
    everyMs: 0,
  });
  if (data) return <Editor letter={data} onClose={onClose} />;
  return (
    <Dialog title="Edit and rerun" onClose={onClose} wide>
      {trouble ? <TroublePanel trouble={trouble} /> : <Loading what="its input" />}
    </Dialog>
  );
}

function Editor({ letter, onClose }: { letter: DeadLetterDetail; onClose: () => void }) {
  const { runId, job, input, diff } = letter;
  const edit = useEditedInput(input);
  const { patch, wrong } = edit;
  const changed = patch !== undefined && patch.length > 0;
  const path = `/api/v1/dead-letters/${runId}`;
  const preview = usePreview(ofOne, `${path}/preview`, changed ? { patch } : undefined);
  const refused = preview?.ok
    ? preview.data.problem?.detail
    : preview && !preview.ok
      ? preview.trouble.detail
      : undefined;
  const body = changed ? { patch } : {};
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<AcceptedRun>
      title={`Rerun ${job}`}
      verb={changed ? "Rerun 1 run with this input" : "Rerun 1 run"}
      permission="operate"
      why={wrong ?? refused}
      wide
      onClose={onClose}
      run={() => act(`${path}/rerun`, { body, idempotencyKey }, DEAD_CHANGES)}
      onDone={({ id }) => toast(`A new run of ${job} was made: ${id.slice(-8)}`)}
    >
      <p class="muted">
        A new run takes its place; this one leaves the dead letters. Only what you change is sent.
      </p>
      {diff && <PayloadChanges diff={diff} />}
      <EditedInput {...{ edit, refused }} />
    </ActDialog>
  );
}
