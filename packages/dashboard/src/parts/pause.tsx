import type { PausedInfo } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { act } from "../data/act.ts";
import { Icon, type IconName } from "../design/icon.tsx";
import type { Trouble } from "../data/problem.ts";
import { ActionButton } from "./action-button.tsx";
import { Dialog } from "./dialog.tsx";
import { DialogActions } from "./dialog-actions.tsx";
import { Field } from "./field.tsx";
import { Ago } from "./time.tsx";
import { ReasonField } from "./reason-field.tsx";
import { toast } from "./toast.tsx";

/** What can be stopped until somebody takes it back, or a time is over. */
interface Stop {
  verb: string;
  /** Last parts of the paths that do it, and take it back. */
  on: string;
  off: string;
  icon: IconName;
  /** What is said of it: as a state, when it was done, and when it was taken back. */
  state: string;
  done: string;
  undone: string;
  /** Of who takes it back. */
  undoes: string;
}

/** Nothing starts. */
const PAUSE: Stop = {
  ...{ verb: "Pause", on: "pause", off: "resume", icon: "paused", state: "Paused" },
  ...{ done: "is paused", undone: "goes on", undoes: "resumes" },
};

/** A queue takes no new runs. */
export const DRAIN: Stop = {
  ...{ verb: "Drain", on: "drain", off: "reopen", icon: "merged", state: "Draining" },
  ...{ done: "takes no new runs", undone: "takes new runs again", undoes: "reopens" },
};

/** A job is started by nothing. */
export const DISABLE: Stop = {
  ...{ verb: "Disable", on: "disable", off: "enable", icon: "cancelled", state: "Disabled" },
  ...{ done: "is disabled", undone: "is enabled", undoes: "enables" },
};

/** Who has stopped it, when, why, and until when. */
export function PausedNote({ paused, stop = PAUSE }: { paused: PausedInfo; stop?: Stop }) {
  return (
    <>
      <span class="state state-retrying">
        <Icon name={stop.icon} /> {stop.state}
      </span>{" "}
      by {paused.by.replace(/^person:/, "")} <Ago at={paused.at} />
      {paused.reason && <>: “{paused.reason}”</>}
      {paused.until ? (
        <>
          ; that ends by itself <Ago at={paused.until} />
        </>
      ) : (
        `; until somebody ${stop.undoes} it`
      )}
    </>
  );
}

/** How long it may last, besides until somebody ends it. */
const LENGTHS = [
  ["15m", "for 15 minutes"],
  ["1h", "for 1 hour"],
  ["4h", "for 4 hours"],
  ["24h", "for 24 hours"],
] as const;

/**
 * Asks why and for how long, says what will be, and pauses, or what else is said. It can be taken back for ten seconds.
 *
 * @param path below which `/pause` and `/resume` lie
 * @param changes beginnings of the paths that say something else then
 */
export function PauseDialog({
  what,
  path,
  changes,
  stop = PAUSE,
  onClose,
  children,
}: {
  /** Such as "queue mail". */
  what: string;
  path: string;
  changes: readonly string[];
  stop?: Stop;
  onClose: () => void;
  /** What it does, and what it does not. */
  children: ComponentChildren;
}) {
  const [reason, setReason] = useState("");
  const [length, setLength] = useState<string>("");
  const [trouble, setTrouble] = useState<Trouble>();
  const doIt = async () => {
    const body = {
      ...(reason.trim() !== "" && { reason: reason.trim() }),
      ...(length !== "" && { for: length }),
    };
    const result = await act(`${path}/${stop.on}`, { body }, changes);
    if (!result.ok) return setTrouble(result.trouble);
    toast(`${capital(what)} ${stop.done}`, "good", () => void resume(what, path, changes, stop));
    onClose();
  };
  return (
    <Dialog title={`${stop.verb} ${what}`} onClose={onClose}>
      {children}
      <ReasonField value={reason} onChange={setReason} />
      <Field label="How long">
        {(control) => (
          <select
            {...control}
            value={length}
            onChange={(event) => setLength(event.currentTarget.value)}
          >
            <option value="">until somebody {stop.undoes} it</option>
            {LENGTHS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        )}
      </Field>
      <DialogActions {...{ trouble, onClose }}>
        <ActionButton permission="operate" kind="danger" onPress={() => void doIt()}>
          {stop.verb} {what}
        </ActionButton>
      </DialogActions>
    </Dialog>
  );
}

/** Ends a pause, or what else is said, and says so. */
export async function resume(
  what: string,
  path: string,
  changes: readonly string[],
  stop: Stop = PAUSE,
): Promise<void> {
  const result = await act(`${path}/${stop.off}`, {}, changes);
  if (result.ok) toast(`${capital(what)} ${stop.undone}`);
  else toast(result.trouble.detail, "bad");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
