import type { AcceptedRun, ScheduleInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog, useOnceKey } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
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
  const { job, input, name } = schedule;
  const body = { job, input };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<AcceptedRun>
      title={`Run ${job} now`}
      verb="Run it"
      permission="start"
      onClose={onClose}
      run={() => act("/api/v1/runs", { body, idempotencyKey }, ["/api/v1/runs"])}
      onDone={({ id }) => {
        toast(`A run of ${job} was made`);
        go(`/runs/${id}`);
      }}
    >
      <p>
        A run of {job} with the input of {name}, beside its plan: it counts for no occurrence, and
        what comes next comes as planned.
      </p>
    </ActDialog>
  );
}

/** A pause that ends right behind the next occurrence: it is skipped, with who and why in the ledger, and all others come as planned. */
function SkipDialog({ schedule, onClose }: { schedule: ScheduleInfo; onClose: () => void }) {
  const { name } = schedule;
  // The one that was shown is skipped, even when another has become the next meanwhile.
  const [next] = useState(schedule.nextAt!);
  const body = {
    reason: "skips the next one",
    until: new Date(Date.parse(next) + 1).toISOString(),
  };
  const path = schedulePath(name);
  return (
    <ActDialog
      title={`Skip the next of ${name}`}
      verb="Skip 1 occurrence"
      kind="danger"
      permission="operate"
      onClose={onClose}
      run={() => act(`${path}/pause`, { body }, SCHEDULE_CHANGES)}
      onDone={() =>
        toast(`${name} skips its next`, "good", () => {
          void resume(`schedule ${name}`, path, SCHEDULE_CHANGES);
        })
      }
    >
      <p>
        No run starts <At at={next} />. The schedule is paused until right after that, and goes on
        by itself.
      </p>
    </ActDialog>
  );
}
