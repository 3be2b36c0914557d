import { isFinal } from "@millrace/core";
import type { Run } from "@millrace/core/api";
import { ActionButton } from "../../parts/action-button.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import { MoveDialog } from "../runs/move-dialog.tsx";
import { CancelDialog } from "./cancel-dialog.tsx";
import { ForkDialog } from "./fork-dialog.tsx";
import { NowDialog, nowVerb } from "./now-dialog.tsx";
import { EditDialog, EditOpenDialog, RetryDialog } from "./rerun-dialogs.tsx";

/** What can be done with a run. Which dialog is open stands in the address, so that lists lead straight to it. */
export function RunActions({ run }: { run: Run }) {
  const ended = isFinal(run.state);
  const open = place.value.query.get("do");
  const show = (what?: string) =>
    go(withQuery({ do: what, step: undefined, use: undefined }), "replace");
  const close = () => show();
  const notYet = ended ? undefined : "It has not finished: cancel it, or wait";
  const over = ended ? "It has finished" : undefined;
  const noSteps = run.steps.length > 0 ? undefined : "It has no steps on record";
  const isScheduled = run.state === "scheduled";
  const again = isScheduled ? "now" : "retry";
  useKeys({ R: () => show(again), E: () => show("edit"), C: () => show("cancel") });
  return (
    <>
      <ActionButton
        permission="operate"
        shortcut="R"
        why={isScheduled ? undefined : notYet}
        kind="primary"
        onPress={() => show(again)}
      >
        {isScheduled ? nowVerb(run) : "Retry"}
      </ActionButton>
      <ActionButton
        permission={ended ? "operate" : "start"}
        shortcut="E"
        onPress={() => show("edit")}
      >
        Edit and rerun
      </ActionButton>
      <ActionButton permission="operate" why={noSteps} onPress={() => show("fork")}>
        From a step
      </ActionButton>
      <ActionButton
        permission="operate"
        shortcut="C"
        why={over}
        kind="danger"
        onPress={() => show("cancel")}
      >
        Cancel
      </ActionButton>
      <ActionButton
        permission="operate"
        why={over ?? (run.state === "running" ? "A worker has it" : undefined)}
        onPress={() => show("move")}
      >
        Move
      </ActionButton>
      <CopyAs
        request={{ path: `/api/v1/runs/${run.id}` }}
        cli={`millrace run show ${run.id}\nmillrace ${ended ? "rerun" : isScheduled ? "run now" : "cancel"} ${run.id}`}
        sdk={`const run = await client.runs.get("${run.id}");`}
      />
      {open === "now" && isScheduled && <NowDialog run={run} onClose={close} />}
      {open === "retry" && ended && <RetryDialog run={run} onClose={close} />}
      {open === "edit" && ended && <EditDialog run={run} onClose={close} />}
      {open === "edit" && !ended && <EditOpenDialog run={run} onClose={close} />}
      {open === "fork" && run.steps.length > 0 && <ForkDialog run={run} onClose={close} />}
      {open === "move" && !ended && <MoveDialog ids={[run.id]} onClose={close} />}
      {open === "cancel" && !ended && <CancelDialog run={run} onClose={close} />}
    </>
  );
}
