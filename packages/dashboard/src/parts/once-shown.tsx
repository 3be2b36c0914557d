import { CopyButton } from "./copy-button.tsx";
import { Dialog } from "./dialog.tsx";

/** Something secret that the server has just made, and tells nobody again. */
export function OnceShown({
  title,
  secrets,
  onClose,
}: {
  title: string;
  /** Each with what it is, such as "API key". */
  secrets: readonly (readonly [what: string, text: string])[];
  onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose} wide>
      <p>It is shown this once: copy it now to where it belongs.</p>
      {secrets.map(([what, text]) => (
        <div key={what} class="once-shown">
          <h3>{what}</h3>
          <p class="command">
            <code>{text}</code>
            <CopyButton text={text} what={what} />
          </p>
        </div>
      ))}
      <div class="row">
        <button type="button" class="primary" onClick={onClose}>
          I have it
        </button>
      </div>
    </Dialog>
  );
}
