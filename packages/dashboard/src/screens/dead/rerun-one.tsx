import { readExactJson } from "@millrace/core";
import type { AcceptedRun, PatchPreview } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { writeJson } from "../../data/write-json.ts";
import { ActDialog, useOnceKey } from "../../parts/act-dialog.tsx";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { DEAD_CHANGES } from "./chosen.ts";
import { losesDigits, patchBetween } from "./input-patch.ts";
import { ofOne, usePreview } from "./use-preview.ts";

/** A patch that changes nothing: what is patched comes with all its digits, what is only looked at does not. */
const NOTHING = [{ op: "copy", from: "", path: "" }];

/** Reruns one dead letter, with its input as it was or as somebody has changed it. */
export function RerunOne({ runId, onClose }: { runId: string; onClose: () => void }) {
  const there = usePreview(ofOne, `/api/v1/dead-letters/${runId}/preview`, {
    patch: NOTHING,
  });
  if (there?.ok) return <Editor letter={there.data} onClose={onClose} />;
  return (
    <Dialog title="Edit and rerun" onClose={onClose} wide>
      {there ? <TroublePanel trouble={there.trouble} /> : <Loading what="its input" />}
    </Dialog>
  );
}

function Editor({ letter, onClose }: { letter: PatchPreview; onClose: () => void }) {
  const { runId, job, before: input } = letter;
  const [text, setText] = useState(() => writeJson(input));
  const { patch, wrong } = editOf(input, text);
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
      <TextField
        label="Input, JSON"
        wrong={wrong ?? refused}
        rows={12}
        value={text}
        onChange={setText}
      />
      {changed && (
        <details open>
          <summary>
            {patch.length === 1 ? "1 change" : `${patch.length} changes`}, as a patch that can be
            applied to the whole group
          </summary>
          <pre tabIndex={0} role="region" aria-label="Patch">
            {JSON.stringify(patch, null, 2)}
          </pre>
        </details>
      )}
    </ActDialog>
  );
}

function editOf(input: unknown, text: string) {
  try {
    const patch = patchBetween(input, readExactJson(text));
    if (!losesDigits(patch)) return { patch, wrong: undefined };
    return {
      patch: undefined,
      wrong: "A number that long cannot be changed here: change it with the command line",
    };
  } catch (error) {
    return { patch: undefined, wrong: `This is not JSON: ${(error as SyntaxError).message}` };
  }
}
