import type { Permission } from "@millrace/core";
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Done } from "../data/act.ts";
import type { Trouble } from "../data/problem.ts";
import { ActionButton } from "./action-button.tsx";
import { Dialog } from "./dialog.tsx";
import { DialogActions } from "./dialog-actions.tsx";
import { Field } from "./field.tsx";

/** More rows than this are not touched by a press alone. */
const MANY = 1000;

/**
 * Asks before something is done, does it, and stays open with what went wrong.
 *
 * @param verb of the button: what it does, to how many
 * @param typed what somebody must write before it can be pressed; see {@link nameToType}
 * @param run does it; what answers well closes the dialog
 */
export function ActDialog<T>({
  title,
  verb,
  kind = "primary",
  permission,
  why,
  typed,
  wide = false,
  onClose,
  run,
  onDone,
  children,
}: {
  title: string;
  verb: string;
  kind?: "primary" | "danger";
  permission: Permission;
  why?: string | undefined;
  typed?: string | undefined;
  wide?: boolean;
  onClose: () => void;
  run: () => Promise<Done<T>>;
  onDone: (data: T) => void;
  children?: ComponentChildren;
}) {
  const [trouble, setTrouble] = useState<Trouble>();
  const [busy, setBusy] = useState(false);
  const [written, setWritten] = useState("");
  const missing = typed !== undefined && written !== typed ? `Write ${typed} first` : undefined;
  const press = async () => {
    setBusy(true);
    setTrouble(undefined);
    const result = await run();
    setBusy(false);
    if (!result.ok) return setTrouble(result.trouble);
    onClose();
    onDone(result.data);
  };
  return (
    <Dialog title={title} onClose={onClose} wide={wide}>
      {children}
      {typed !== undefined && (
        <Field label={`Write ${typed} to go on`}>
          {(control) => (
            <input
              {...control}
              type="text"
              autocomplete="off"
              value={written}
              onInput={(event) => setWritten(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
      <DialogActions {...{ trouble, onClose }}>
        <ActionButton
          permission={permission}
          kind={kind}
          why={why ?? missing ?? (busy ? "It is being done" : undefined)}
          onPress={() => void press()}
        >
          {verb}
        </ActionButton>
      </DialogActions>
    </Dialog>
  );
}

/** The name that must be written where many are touched; undefined where a press is enough. */
export function nameToType(name: string, count: number): string | undefined {
  return count > MANY ? name : undefined;
}

/** The key of a request that creates something: the same for the same body, so that a second press makes no second one. */
export function useOnceKey(body: unknown): string {
  const text = JSON.stringify(body);
  return useMemo(() => crypto.randomUUID(), [text]);
}

/** Such as "1 run", "2,735 runs". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
