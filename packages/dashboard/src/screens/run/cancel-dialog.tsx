import type { CancelResult, Run } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ReasonField } from "../../parts/reason-field.tsx";
import { offerAgain } from "../../parts/run-again.ts";
import { toast } from "../../parts/toast.tsx";
import { RUN_CHANGES } from "./run-changes.ts";

export function CancelDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const body = reason.trim() === "" ? {} : { reason: reason.trim() };
  return (
    <ActDialog<CancelResult>
      title={`Cancel this run of ${run.job}`}
      verb="Cancel 1 run"
      kind="danger"
      permission="operate"
      onClose={onClose}
      run={() => act(`/api/v1/runs/${run.id}/cancel`, { body }, RUN_CHANGES)}
      onDone={({ result }) => {
        if (result === "cancelled") offerAgain(SAID[result], [run.id]);
        else toast(SAID[result]);
      }}
    >
      <p>
        {run.state === "running"
          ? "Its handler is told to stop, and the run is cancelled when it lets go."
          : "It waits, so it is cancelled at once."}
      </p>
      <ReasonField value={reason} onChange={setReason} />
    </ActDialog>
  );
}

const SAID: Record<CancelResult["result"], string> = {
  cancelled: "It is cancelled",
  asked: "Its handler was told to stop",
  compensating: "It makes good first what it has done",
};
