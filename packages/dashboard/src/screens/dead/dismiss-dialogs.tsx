import type { DeadLetterGroup, Operation } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog, counted, nameToType, useOnceKey } from "../../parts/act-dialog.tsx";
import { ReasonField } from "../../parts/reason-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import { reopenAll, reopenOne } from "./reopen.ts";
import { type Chosen, DEAD_CHANGES } from "./chosen.ts";

export function DismissOne({ runId, onClose }: { runId: string; onClose: () => void }) {
  const [note, setNote] = useState("");
  return (
    <ActDialog
      title="This run needs nothing more"
      verb="Dismiss 1 run"
      kind="danger"
      permission="operate"
      onClose={onClose}
      run={() => act(`/api/v1/dead-letters/${runId}/dismiss`, { body: noteOf(note) }, DEAD_CHANGES)}
      onDone={() =>
        toast(
          "1 run is dismissed; it can still be rerun from its own page",
          "good",
          () => void reopenOne(runId),
        )
      }
    >
      <p>It leaves the dead letters, and is kept as failed.</p>
      <ReasonField value={note} onChange={setNote} />
    </ActDialog>
  );
}

export function DismissGroup({
  chosen,
  group: { count, errorClass },
  onClose,
}: {
  chosen: Chosen;
  group: DeadLetterGroup;
  onClose: () => void;
}) {
  const [note, setNote] = useState("");
  const body = { kind: "dismiss", filter: chosen, ...noteOf(note) };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<Operation>
      title={`These ${errorClass} need nothing more`}
      verb={`Dismiss ${counted(count, "run")}`}
      kind="danger"
      permission="operate"
      typed={nameToType(errorClass, count)}
      onClose={onClose}
      run={() => act("/api/v1/operations", { body, idempotencyKey }, DEAD_CHANGES)}
      onDone={({ id }) => {
        toast(`Operation ${id} dismisses them`, "good", () => void reopenAll(id));
        go(`/bulk/${id}`);
      }}
    >
      <p>
        All that are open now leave the dead letters, and are kept as failed. It is an operation
        with progress, which can be stopped; what it has dismissed can be opened again from its
        page.
      </p>
      <ReasonField value={note} onChange={setNote} />
    </ActDialog>
  );
}

function noteOf(note: string): { note?: string } {
  return note.trim() === "" ? {} : { note: note.trim() };
}
