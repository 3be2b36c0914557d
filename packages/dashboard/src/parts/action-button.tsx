import type { Permission } from "@millrace/core";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { useRefusal } from "../data/identity.ts";

/**
 * A button for what not everybody may. Who may not sees it, cannot press it, and is told which role could: by pointing at it, and when it is
 * read aloud.
 *
 * @param why another reason why it cannot be pressed now
 */
export function ActionButton({
  permission,
  onPress,
  why,
  kind = "",
  shortcut,
  children,
}: {
  permission: Permission;
  onPress: () => void;
  why?: string | undefined;
  kind?: "" | "primary" | "danger";
  shortcut?: string;
  children: ComponentChildren;
}) {
  const refusal = useRefusal(permission) ?? why;
  const id = useId();
  return (
    <>
      <button
        type="button"
        class={kind}
        // Not `disabled`: what cannot be reached by the keyboard cannot tell why.
        aria-disabled={refusal !== undefined}
        aria-describedby={refusal === undefined ? undefined : id}
        aria-keyshortcuts={shortcut}
        title={refusal ?? (shortcut && `Shortcut: ${shortcut}`)}
        onClick={() => refusal === undefined && onPress()}
      >
        {children}
      </button>
      {refusal !== undefined && (
        <span id={id} hidden>
          {refusal}
        </span>
      )}
    </>
  );
}
