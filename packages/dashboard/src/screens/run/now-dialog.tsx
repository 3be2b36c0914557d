import type { Run, StartedNow } from "@millrace/core/api";
import { act } from "../../data/act.ts";
import { shownState } from "../../design/states.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { RUN_CHANGES } from "./run-changes.ts";

/** Starts a run that waits for a time before it. */
export function NowDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  return (
    <ActDialog<StartedNow>
      title={`${nowVerb(run)}: ${run.job}`}
      verb={`${nowVerb(run)} 1 run`}
      permission="operate"
      onClose={onClose}
      run={() => act(`/api/v1/runs/${run.id}/start-now`, {}, RUN_CHANGES)}
      onDone={({ queue }) => toast(`It stands in queue ${queue} now`)}
    >
      <p>
        It would start <Ago at={run.runAt} />. Now it is put into its queue at once; limits and
        pauses there hold it back as any other.
      </p>
    </ActDialog>
  );
}

export function nowVerb(run: Run): string {
  return shownState(run) === "retrying" ? "Retry now" : "Start now";
}
