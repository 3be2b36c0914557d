import type { IncidentNote } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import type { Trouble } from "../../data/problem.ts";
import { useOnceKey } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { TroublePanel } from "../../parts/conditions.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { At } from "../../parts/time.tsx";

/** What people wrote, oldest first, and a place to write more. */
export function IncidentNotes({ notes, path }: { notes: readonly IncidentNote[]; path: string }) {
  const [text, setText] = useState("");
  const [trouble, setTrouble] = useState<Trouble>();
  const body = { text: text.trim() };
  // After the same words have been written once, they may be written again.
  const idempotencyKey = useOnceKey({ ...body, after: notes.length });
  const write = async () => {
    setTrouble(undefined);
    const result = await act<IncidentNote>(`${path}/notes`, { body, idempotencyKey }, [path]);
    if (result.ok) setText("");
    else setTrouble(result.trouble);
  };
  return (
    <section class="section">
      <h2>Notes</h2>
      {notes.length > 0 && (
        <ol class="entries">
          {notes.map(({ at, by, text: said }) => (
            <li key={`${at} ${by}`}>
              <div class="entry-main said-note">{said}</div>
              <span class="muted">
                {by.replace(/^person:/, "")}, <At at={at} />
              </span>
            </li>
          ))}
        </ol>
      )}
      <TextField label="What you found" rows={3} maxLength={4000} value={text} onChange={setText} />
      {trouble && <TroublePanel trouble={trouble} />}
      <p class="row">
        <ActionButton
          permission="operate"
          why={body.text === "" ? "Write something first" : undefined}
          onPress={() => void write()}
        >
          Add note
        </ActionButton>
        <span class="muted">Notes stay as they were written.</span>
      </p>
    </section>
  );
}
