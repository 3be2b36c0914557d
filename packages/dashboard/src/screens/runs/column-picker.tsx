import { density, toggleDensity } from "../../shell/appearance.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { COLUMNS, columnsNamed } from "./columns.tsx";

/** Which columns are shown, and how close the rows stand. It changes at once, and is kept in this browser. */
export function ColumnPicker({
  chosen,
  onChoose,
  onClose,
}: {
  chosen: readonly string[] | undefined;
  /** An empty list is the usual ones. */
  onChoose: (names: readonly string[]) => void;
  onClose: () => void;
}) {
  const shown = columnsNamed(chosen).map(({ name }) => name);
  const turn = (name: string) =>
    onChoose(shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name]);
  return (
    <Dialog title="Columns" onClose={onClose}>
      <fieldset class="columns">
        <legend class="unseen">Shown columns</legend>
        {COLUMNS.map(({ name, title }) => (
          <label class="tick" key={name}>
            <input
              type="checkbox"
              checked={shown.includes(name)}
              disabled={name === "job"}
              onChange={() => turn(name)}
            />
            {title}
          </label>
        ))}
      </fieldset>
      <label class="tick">
        <input
          type="checkbox"
          checked={density.value === "compact"}
          onChange={() => toggleDensity()}
        />
        Rows close together
      </label>
      <p class="muted">On a small screen each run is a card, which has its own.</p>
      <div class="row">
        <button type="button" onClick={() => onChoose([])}>
          The usual ones
        </button>
        <button type="button" class="primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
