import { readExactJson } from "@millrace/core";
import type { JsonPatch } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { writeJson } from "../../data/write-json.ts";
import { TextField } from "../../parts/text-field.tsx";
import { losesDigits, patchBetween } from "./input-patch.ts";

interface Edit {
  text: string;
  onChange: (text: string) => void;
  /** What was changed; undefined while it cannot be told, or cannot be sent. */
  patch: JsonPatch | undefined;
  wrong: string | undefined;
}

/** An input that somebody writes anew: what is sent is what was changed, so all other digits stay as they are. */
export function useEditedInput(input: unknown): Edit {
  const [text, onChange] = useState(() => writeJson(input));
  return { text, onChange, ...editOf(input, text) };
}

function editOf(input: unknown, text: string): Pick<Edit, "patch" | "wrong"> {
  try {
    const patch = patchBetween(input, readExactJson(text));
    if (!losesDigits(patch)) return { patch, wrong: undefined };
    return {
      patch: undefined,
      wrong: "A number that long cannot be changed here: give it as text, or ask for a run by SQL",
    };
  } catch (error) {
    return { patch: undefined, wrong: `This is not JSON: ${(error as SyntaxError).message}` };
  }
}

/** @param refused what the server says of it */
export function EditedInput({
  edit: { text, onChange, patch, wrong },
  refused,
}: {
  edit: Edit;
  refused?: string | undefined;
}) {
  return (
    <>
      <TextField
        label="Input, JSON"
        wrong={wrong ?? refused}
        rows={12}
        value={text}
        onChange={onChange}
      />
      {patch !== undefined && patch.length > 0 && (
        <details open>
          <summary>
            {patch.length === 1 ? "1 change" : `${patch.length} changes`}, as a patch that can be
            applied to others as well
          </summary>
          <pre tabIndex={0} role="region" aria-label="Patch">
            {JSON.stringify(patch, null, 2)}
          </pre>
        </details>
      )}
    </>
  );
}
