import type { ComponentChildren } from "preact";
import type { Trouble } from "../data/problem.ts";
import { TroublePanel } from "./conditions.tsx";

/** The foot of a dialog: what went wrong, the way out, and what it does. */
export function DialogActions({
  trouble,
  onClose,
  children,
}: {
  trouble: Trouble | undefined;
  onClose: () => void;
  children: ComponentChildren;
}) {
  return (
    <>
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        {children}
      </div>
    </>
  );
}
