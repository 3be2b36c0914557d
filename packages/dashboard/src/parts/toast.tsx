import { signal } from "@preact/signals";
import { Icon } from "../design/icon.tsx";

interface Toast {
  id: number;
  text: string;
  kind: "good" | "bad";
  undo: (() => void) | undefined;
  /** What its button is called. */
  verb: string;
}

const shown = signal<readonly Toast[]>([]);
let last = 0;

/**
 * Says for some seconds what has happened.
 *
 * @param undo takes it back; then it stays for ten seconds
 * @param verb of what takes it back, where that is less than to undo it
 */
export function toast(
  text: string,
  kind: Toast["kind"] = "good",
  undo?: () => void,
  verb = "Undo",
): void {
  const id = ++last;
  shown.value = [...shown.value.slice(-2), { id, text, kind, undo, verb }];
  setTimeout(() => dismiss(id), undo || kind === "bad" ? 10_000 : 4000);
}

function dismiss(id: number): void {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/** Read aloud as it comes. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.value.map(({ id, text, kind, undo, verb }) => (
        <div class={`toast toast-${kind}`} key={id}>
          <span>{text}</span>
          {undo && (
            <button
              type="button"
              onClick={() => {
                undo();
                dismiss(id);
              }}
            >
              {verb}
            </button>
          )}
          <button type="button" class="icon" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="failed" />
          </button>
        </div>
      ))}
    </div>
  );
}
