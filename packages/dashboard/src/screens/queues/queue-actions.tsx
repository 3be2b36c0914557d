import type { QueueInfo } from "@millrace/core/api";
import { ActionButton } from "../../parts/action-button.tsx";
import { DRAIN, PauseDialog, resume } from "../../parts/pause.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { LimitsDialog } from "./limits-dialog.tsx";
import { QUEUE_CHANGES, queuePath } from "./queue-path.ts";

/** Pauses the queue, or has it go on. Which dialog is open stands in the address. */
export function PauseOrResume({ queue }: { queue: QueueInfo }) {
  const { name, paused } = queue;
  const mine = place.value.query.get("queue") ?? name;
  const open = place.value.query.get("do") === "pause" && mine === name && !paused;
  return (
    <>
      {paused ? (
        <ActionButton
          permission="operate"
          onPress={() => void resume(`queue ${name}`, queuePath(name), QUEUE_CHANGES)}
        >
          Resume<span class="unseen"> queue {name}</span>
        </ActionButton>
      ) : (
        <ActionButton
          permission="operate"
          onPress={() => go(withQuery({ do: "pause", queue: name }), "replace")}
        >
          Pause<span class="unseen"> queue {name}</span>
        </ActionButton>
      )}
      {open && (
        <PauseDialog
          what={`queue ${name}`}
          path={queuePath(name)}
          changes={QUEUE_CHANGES}
          onClose={() => go(withQuery({ do: undefined, queue: undefined }), "replace")}
        >
          <p>{consequence(queue)}</p>
        </PauseDialog>
      )}
    </>
  );
}

/** Drains the queue, or reopens it. */
export function DrainOrReopen({ queue }: { queue: QueueInfo }) {
  const { name, drained } = queue;
  const open = place.value.query.get("do") === "drain" && !drained;
  if (drained) {
    return (
      <ActionButton
        permission="operate"
        onPress={() => void resume(`queue ${name}`, queuePath(name), QUEUE_CHANGES, DRAIN)}
      >
        Reopen
      </ActionButton>
    );
  }
  return (
    <>
      <ActionButton permission="operate" onPress={() => go(withQuery({ do: "drain" }), "replace")}>
        Drain
      </ActionButton>
      {open && (
        <PauseDialog
          what={`queue ${name}`}
          path={queuePath(name)}
          changes={QUEUE_CHANGES}
          stop={DRAIN}
          onClose={() => go(withQuery({ do: undefined }), "replace")}
        >
          <p>
            It takes no new runs, and {leftToDo(queue)} Who asks for one is refused and told why;
            its schedules skip, on record; webhooks are told to come again later. Children of runs
            that are under way are taken.
          </p>
        </PauseDialog>
      )}
    </>
  );
}

function leftToDo({ ready, held, scheduled, running }: QueueInfo): string {
  const left = ready + held + scheduled + running;
  if (left === 0) return "nothing is left in it.";
  return `${left === 1 ? "the run that is" : `the ${left.toLocaleString("en")} that are`} there ${left === 1 ? "is" : "are"} worked off.`;
}

function consequence({ running, ready, held }: QueueInfo): string {
  const goOn =
    running === 0
      ? "None of its runs is under way."
      : `${running === 1 ? "The run that is" : `The ${running} runs that are`} under way go on to their end.`;
  const waiting = ready + held;
  const wait =
    waiting === 0
      ? "New ones are taken, and wait."
      : `The ${waiting.toLocaleString("en")} that wait stay, and new ones join them.`;
  return `No run of it is started any more, on any worker. ${goOn} ${wait}`;
}

export function LimitsButton({ queue }: { queue: QueueInfo }) {
  const open = place.value.query.get("do") === "limits";
  return (
    <>
      <ActionButton permission="operate" onPress={() => go(withQuery({ do: "limits" }), "replace")}>
        Limits
      </ActionButton>
      {open && (
        <LimitsDialog queue={queue} onClose={() => go(withQuery({ do: undefined }), "replace")} />
      )}
    </>
  );
}
