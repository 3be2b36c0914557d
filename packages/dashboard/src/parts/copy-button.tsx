import { Icon } from "../design/icon.tsx";
import { toast } from "./toast.tsx";

/** @param what such as "run id", for the note that it was copied */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied: ${what}`);
  } catch {
    toast("The browser does not let this page copy: select the text instead", "bad");
  }
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  return (
    <button
      type="button"
      class="icon"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy(text, what)}
    >
      <Icon name="copy" />
    </button>
  );
}
