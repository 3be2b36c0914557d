import type { AcceptedRun, ScheduleInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import type { Trouble } from "../../data/problem.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { TroublePanel } from "../../parts/conditions.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { PauseDialog, resume } from "../../parts/pause.tsx";
import { At } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import { BackfillDialog } from "./backfill-dialog.tsx";
import { SCHEDULE_CHANGES, schedulePath } from "./schedule-path.ts";

/** What can be done with a schedule. Which dialog is open stands in the address. */
export function ScheduleActions({
  schedule,
  isScreen,
}: {
  schedule: ScheduleInfo;
  isScreen: (path: string) => boolean;
}) {
  const { name, paused, nextAt } = schedule;
  const open = place.value.query.get("do");
  const show = (what?: string) => go(withQuery({ do: what }), "replace");
  useKeys({ P: () => show("pause") });
  const what = `schedule ${name}`;
  const never = nextAt === null ? "It does not fire any more" : undefined;
  const already = paused ? "It is paused, so what comes next is skipped anyway" : never;
  return (
    <>
      <ActionButton permission="start" kind="primary" onPress={() => show("run")}>
        Run now
      </ActionButton>
      {paused ? (
        <ActionButton
          permission="operate"
          onPress={() => void resume(what, schedulePath(name), SCHEDULE_CHANGES)}
        >
          Resume
        </ActionButton>
      ) : (
        <ActionButton permission="operate" onPress={() => show("pause")}>
          Pause
        </ActionButton>
      )}
      <ActionButton permission="operate" why={already} onPress={() => show("skip")}>
        Skip next
      </ActionButton>
      <ActionButton permission="operate" onPress={() => show("backfill")}>
        Backfill
      </ActionButton>
      {open === "run" && <RunDialog schedule={schedule} onClose={() => show()} />}
      {open === "skip" && !already && <SkipDialog schedule={schedule} onClose={() => show()} />}
      {open === "backfill" && (
        <BackfillDialog schedule={schedule} isScreen={isScreen} onClose={() => show()} />
      )}
      {open === "pause" && !paused && (
        <PauseDialog
          what={what}
          path={schedulePath(name)}
          changes={SCHEDULE_CHANGES}
          onClose={() => show()}
        >
          <p>
            What is due meanwhile is skipped, on record, and not made up for: a backfill does that.
            Runs that it has started go on.
          </p>
        </PauseDialog>
      )}
    </>
  );
}

function RunDialog({ schedule, onClose }: { schedule: ScheduleInfo; onClose: () => void }) {
  const [trouble, setTrouble] = useState<Trouble>();
  const [key] = useState(() => crypto.randomUUID());
  const run = async () => {
    const body = { job: schedule.job, input: schedule.input };
    const result = await act<AcceptedRun>("/api/v1/runs", { body, idempotencyKey: key }, [
      "/api/v1/runs",
    ]);
    if (!result.ok) return setTrouble(result.trouble);
    toast(`A run of ${schedule.job} was made`);
    go(`/runs/${result.data.id}`);
  };
  return (
    <Dialog title={`Run ${schedule.job} now`} onClose={onClose}>
      <p>
        A run of {schedule.job} with the input of {schedule.name}, beside its plan: it counts for no
        occurrence, and what comes next comes as planned.
      </p>
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <ActionButton permission="start" kind="primary" onPress={() => void run()}>
          Run it
        </ActionButton>
      </div>
    </Dialog>
  );
}

/** A pause that ends right behind the next occurrence: it is skipped, with who and why in the ledger, and all others come as planned. */
function SkipDialog({ schedule, onClose }: { schedule: ScheduleInfo; onClose: () => void }) {
  const [trouble, setTrouble] = useState<Trouble>();
  // The one that was shown is skipped, even when another has become the next meanwhile.
  const [next] = useState(schedule.nextAt!);
  const skip = async () => {
    const body = {
      reason: "skips the next one",
      until: new Date(Date.parse(next) + 1).toISOString(),
    };
    const path = schedulePath(schedule.name);
    const result = await act(`${path}/pause`, { body }, SCHEDULE_CHANGES);
    if (!result.ok) return setTrouble(result.trouble);
    const what = `schedule ${schedule.name}`;
    toast(`${schedule.name} skips its next`, "good", () => {
      void resume(what, path, SCHEDULE_CHANGES);
    });
    onClose();
  };
  return (
    <Dialog title={`Skip the next of ${schedule.name}`} onClose={onClose}>
      <p>
        No run starts <At at={next} />. The schedule is paused until right after that, and goes on
        by itself.
      </p>
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <ActionButton permission="operate" kind="danger" onPress={() => void skip()}>
          Skip 1 occurrence
        </ActionButton>
      </div>
    </Dialog>
  );
}
