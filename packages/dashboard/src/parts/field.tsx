import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/**
 * A control with its label, a hint, and what is wrong with what was written.
 *
 * @param children given the attributes of the control
 */
export function Field({
  label,
  hint,
  wrong,
  children,
}: {
  label: string;
  hint?: string;
  wrong?: string | undefined;
  children: (control: {
    id: string;
    "aria-describedby"?: string;
    "aria-invalid"?: true;
  }) => ComponentChildren;
}) {
  const id = useId();
  const note = wrong ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        ...(note !== undefined && { "aria-describedby": `${id}-note` }),
        ...(wrong !== undefined && { "aria-invalid": true }),
      })}
      {note !== undefined && (
        <p id={`${id}-note`} class={wrong === undefined ? "muted" : "wrong"}>
          {note}
        </p>
      )}
    </div>
  );
}
