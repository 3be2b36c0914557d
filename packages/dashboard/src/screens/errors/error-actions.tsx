import type { ErrorGroup, ErrorGroupDetail } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { now } from "../../parts/moment.ts";
import { Field } from "../../parts/field.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import { SilenceDialog } from "../alerts/silence-dialog.tsx";
import { RerunGroup } from "../dead/rerun-group.tsx";
import { AssignDialog } from "./assign-dialog.tsx";
import { ERROR_CHANGES } from "./error-changes.ts";

/** Reruns what is open of it; snoozes, takes, or says that it is fixed. */
export function ErrorActions({ group, path }: { group: ErrorGroupDetail; path: string }) {
  const open = place.value.query.get("do");
  const show = (what?: string) => go(withQuery({ do: what }), "replace");
  useKeys({ R: () => show("replay") });
  const change = async (body: object, said: string) => {
    const result = await act(path, { method: "PATCH", body }, ERROR_CHANGES);
    if (result.ok) toast(said);
    else toast(result.trouble.detail, "bad");
  };
  return (
    <>
      <ActionButton permission="operate" kind="primary" shortcut="R" onPress={() => show("replay")}>
        Rerun…
      </ActionButton>
      {group.state === "open" ? (
        <>
          <ActionButton permission="operate" onPress={() => show("snooze")}>
            Snooze
          </ActionButton>
          <ActionButton permission="operate" onPress={() => show("fixed")}>
            Mark as fixed
          </ActionButton>
        </>
      ) : (
        <ActionButton
          permission="operate"
          onPress={() => void change({ snoozedUntil: null, fixed: null }, "It is open again")}
        >
          Open again
        </ActionButton>
      )}
      <ActionButton permission="operate" onPress={() => show("assign")}>
        Assign…
      </ActionButton>
      <ActionButton permission="operate" onPress={() => show("mute")}>
        Mute alerts…
      </ActionButton>
      {open === "replay" && (
        <RerunGroup
          chosen={{ fingerprint: group.fingerprint }}
          count={group.count}
          errorClass={group.errorClass}
          onClose={() => show()}
        />
      )}
      {open === "snooze" && <SnoozeDialog path={path} onClose={() => show()} />}
      {open === "assign" && <AssignDialog group={group} path={path} onClose={() => show()} />}
      {open === "mute" && (
        <SilenceDialog rule="dead-letters" subject={group.jobs[0] ?? ""} onClose={() => show()}>
          <p>
            Alerts are about jobs, so this has nobody told of dead letters of the job, however they
            failed; the error group itself goes on being counted. To be told of others, snooze the
            group instead.
          </p>
        </SilenceDialog>
      )}
      {open === "fixed" && <FixedDialog path={path} onClose={() => show()} />}
    </>
  );
}

const LENGTHS = [
  [1, "1 hour"],
  [4, "4 hours"],
  [24, "1 day"],
  [168, "1 week"],
] as const;

function SnoozeDialog({ path, onClose }: { path: string; onClose: () => void }) {
  const [hours, setHours] = useState("24");
  const [note, setNote] = useState("");
  return (
    <ActDialog<ErrorGroup>
      title="Snooze this group"
      verb="Snooze it"
      permission="operate"
      onClose={onClose}
      run={() => {
        const snoozedUntil = new Date(now.value + Number(hours) * 3_600_000).toISOString();
        return act(
          path,
          { method: "PATCH", body: { snoozedUntil, ...noteOf(note) } },
          ERROR_CHANGES,
        );
      }}
      onDone={() => toast("It is snoozed, and comes back by itself")}
    >
      <p>Until then it needs nobody’s attention. Its runs are counted all the same.</p>
      <Field label="How long">
        {(control) => (
          <select
            {...control}
            value={hours}
            onChange={(event) => setHours(event.currentTarget.value)}
          >
            {LENGTHS.map(([length, words]) => (
              <option key={length} value={length}>
                {words}
              </option>
            ))}
          </select>
        )}
      </Field>
      <TextField label="Note" value={note} onChange={setNote} />
    </ActDialog>
  );
}

function FixedDialog({ path, onClose }: { path: string; onClose: () => void }) {
  const [version, setVersion] = useState("");
  const [note, setNote] = useState("");
  const fixed = version.trim() === "" ? {} : { version: version.trim() };
  return (
    <ActDialog<ErrorGroup>
      title="Say that it is fixed"
      verb="Mark as fixed"
      permission="operate"
      onClose={onClose}
      run={() => act(path, { method: "PATCH", body: { fixed, ...noteOf(note) } }, ERROR_CHANGES)}
      onDone={() => toast("It is fixed, and opens again if it comes again")}
    >
      <p>A run that fails so again, not under an older version, opens it again.</p>
      <TextField
        label="Fixed in version"
        hint="Empty: from now on, in whatever version."
        maxLength={100}
        value={version}
        onChange={setVersion}
      />
      <TextField label="Note" value={note} onChange={setNote} />
    </ActDialog>
  );
}

function noteOf(note: string): { note?: string } {
  return note.trim() === "" ? {} : { note: note.trim() };
}
