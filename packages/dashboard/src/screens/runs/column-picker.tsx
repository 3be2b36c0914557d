import { density, toggleDensity } from "../../shell/appearance.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { useSearchableFields } from "../../data/searchable-fields.ts";
import { COLUMNS, type Column, columnsNamed, fieldColumn } from "./columns.tsx";

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
  const columns = columnsNamed(chosen);
  const shown = columns.map(({ name }) => name);
  const declared = useSearchableFields().map(fieldColumn);
  const all = [...COLUMNS, ...declared];
  // What no job declares any more can be taken away, too.
  const gone = columns.filter((column) => !all.some(({ name }) => name === column.name));
  const fields = [...declared, ...gone];
  const turn = (name: string) =>
    onChoose(shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name]);
  return (
    <Dialog title="Columns" onClose={onClose}>
      <fieldset class="columns">
        <legend class="unseen">Shown columns</legend>
        <Ticks columns={COLUMNS} shown={shown} onTurn={turn} />
      </fieldset>
      {fields.length > 0 && (
        <fieldset class="columns">
          <legend class="muted">Fields of the input that jobs declare as searchable</legend>
          <Ticks columns={fields} shown={shown} onTurn={turn} />
        </fieldset>
      )}
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

function Ticks({
  columns,
  shown,
  onTurn,
}: {
  columns: readonly Column[];
  shown: readonly string[];
  onTurn: (name: string) => void;
}) {
  return (
    <>
      {columns.map(({ name, title }) => (
        <label class="tick" key={name}>
          <input
            type="checkbox"
            checked={shown.includes(name)}
            disabled={name === "job"}
            onChange={() => onTurn(name)}
          />
          {title}
        </label>
      ))}
    </>
  );
}
