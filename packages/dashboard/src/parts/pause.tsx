import type { PausedInfo } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { act } from "../data/act.ts";
import { Icon } from "../design/icon.tsx";
import type { Trouble } from "../data/problem.ts";
import { ActionButton } from "./action-button.tsx";
import { Dialog } from "./dialog.tsx";
import { DialogActions } from "./dialog-actions.tsx";
import { Field } from "./field.tsx";
import { Ago } from "./time.tsx";
import { ReasonField } from "./reason-field.tsx";
import { toast } from "./toast.tsx";

/** Who has paused it, when, why, and until when. */
export function PausedNote({ paused }: { paused: PausedInfo }) {
  return (
    <>
      <span class="state state-retrying">
        <Icon name="paused" /> Paused
      </span>{" "}
      by {paused.by.replace(/^person:/, "")} <Ago at={paused.at} />
      {paused.reason && <>: “{paused.reason}”</>}
      {paused.until ? (
        <>
          ; it resumes by itself <Ago at={paused.until} />
        </>
      ) : (
        "; until somebody resumes it"
      )}
    </>
  );
}

/** How long a pause lasts; the empty one until somebody ends it. */
const LENGTHS = [
  ["", "until somebody resumes it"],
  ["15m", "for 15 minutes"],
  ["1h", "for 1 hour"],
  ["4h", "for 4 hours"],
  ["24h", "for 24 hours"],
] as const;

/**
 * Asks why and for how long, says what will be, and pauses. It can be taken back for ten seconds.
 *
 * @param path below which `/pause` and `/resume` lie
 * @param changes beginnings of the paths that say something else then
 */
export function PauseDialog({
  what,
  path,
  changes,
  onClose,
  children,
}: {
  /** Such as "queue mail". */
  what: string;
  path: string;
  changes: readonly string[];
  onClose: () => void;
  /** What it does, and what it does not. */
  children: ComponentChildren;
}) {
  const [reason, setReason] = useState("");
  const [length, setLength] = useState<string>("");
  const [trouble, setTrouble] = useState<Trouble>();
  const pause = async () => {
    const body = {
      ...(reason.trim() !== "" && { reason: reason.trim() }),
      ...(length !== "" && { for: length }),
    };
    const result = await act(`${path}/pause`, { body }, changes);
    if (!result.ok) return setTrouble(result.trouble);
    toast(`${capital(what)} is paused`, "good", () => void resume(what, path, changes));
    onClose();
  };
  return (
    <Dialog title={`Pause ${what}`} onClose={onClose}>
      {children}
      <ReasonField value={reason} onChange={setReason} />
      <Field label="How long">
        {(control) => (
          <select
            {...control}
            value={length}
            onChange={(event) => setLength(event.currentTarget.value)}
          >
            {LENGTHS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        )}
      </Field>
      <DialogActions {...{ trouble, onClose }}>
        <ActionButton permission="operate" kind="danger" onPress={() => void pause()}>
          Pause {what}
        </ActionButton>
      </DialogActions>
    </Dialog>
  );
}

/** Ends a pause, and says so. */
export async function resume(
  what: string,
  path: string,
  changes: readonly string[],
): Promise<void> {
  const result = await act(`${path}/resume`, {}, changes);
  if (result.ok) toast(`${capital(what)} goes on`);
  else toast(result.trouble.detail, "bad");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
