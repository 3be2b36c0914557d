import { useMemo, useState } from "preact/hooks";
import { Icon } from "../../design/icon.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import type { ShownGraph, ShownNode } from "./shown-node.ts";
import { type Branch, treeOf } from "./tree-of.ts";

/** Every node as a row, branches below the node where they part; those below one are folded by a press. */
export function GraphTable({
  graph: { nodes, links },
  label,
  chosen,
  rowId,
  onChoose,
}: {
  graph: ShownGraph;
  label: string;
  chosen: string | undefined;
  /** Of the row of a node, in the document. */
  rowId: (id: string) => string;
  onChoose: (id: string) => void;
}) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const shape = JSON.stringify([nodes.map(({ id }) => id), links]);
  const tree = useMemo(
    () =>
      treeOf(
        nodes.map(({ id }) => id),
        links,
      ),
    [shape],
  );
  const named = new Map(nodes.map((node) => [node.id, node]));
  const hasBranches = tree.some(({ within }) => within > 0);
  const ran = nodes.some(({ look }) => look !== undefined);
  const fold = (id: string) => {
    const next = new Set(folded);
    if (!next.delete(id)) next.add(id);
    setFolded(next);
  };
  return (
    <table class="stack graph-table" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">Node</th>
          {ran && <th scope="col">State</th>}
          <th scope="col">Kind</th>
          <th scope="col">Comes after</th>
          {ran && (
            <th scope="col" class="number-cell">
              Took
            </th>
          )}
          <th scope="col">More</th>
        </tr>
      </thead>
      <tbody>
        {withoutFolded(tree, folded).map((branch) => (
          <Row
            key={branch.id}
            branch={branch}
            node={named.get(branch.id)!}
            domId={rowId(branch.id)}
            isChosen={branch.id === chosen}
            isFolded={folded.has(branch.id)}
            {...{ ran, hasBranches }}
            onChoose={() => onChoose(branch.id)}
            onFold={() => fold(branch.id)}
          />
        ))}
      </tbody>
    </table>
  );
}

function withoutFolded(tree: readonly Branch[], folded: ReadonlySet<string>): Branch[] {
  let hidden = 0;
  return tree.filter(({ id, within }) => {
    if (hidden > 0) {
      hidden--;
      return false;
    }
    if (folded.has(id)) hidden = within;
    return true;
  });
}

/** More names than this of those before a node are counted. */
const MOST_NAMED = 3;

function Row({
  branch: { id, level, after, within },
  node: { kind, look, rule, tookMs, more },
  domId,
  isChosen,
  isFolded,
  ran,
  hasBranches,
  onChoose,
  onFold,
}: {
  branch: Branch;
  node: ShownNode;
  domId: string;
  isChosen: boolean;
  isFolded: boolean;
  ran: boolean;
  /** Room is left for what folds others. */
  hasBranches: boolean;
  onChoose: () => void;
  onFold: () => void;
}) {
  const named = after.slice(0, MOST_NAMED).join(", ");
  const others = after.length - MOST_NAMED;
  return (
    <tr
      id={domId}
      tabIndex={-1}
      class={isChosen ? "chosen" : undefined}
      aria-current={isChosen ? "true" : undefined}
    >
      <td class="whole">
        <span class="graph-branch" style={{ paddingInlineStart: `${(level - 1) * 20}px` }}>
          {within > 0 ? (
            <button
              type="button"
              class="icon"
              aria-expanded={!isFolded}
              aria-label={`${isFolded ? "Unfold" : "Fold"} ${within} below ${id}`}
              onClick={onFold}
            >
              {isFolded ? "▸" : "▾"}
            </button>
          ) : (
            hasBranches && <span class="graph-leaf" aria-hidden="true" />
          )}
          <button type="button" class="link" aria-pressed={isChosen} onClick={onChoose}>
            {id}
          </button>
        </span>
      </td>
      {ran && (
        <td data-label="State">
          {look && (
            <span class={`state state-${look.token}`}>
              <Icon name={look.shape} /> {look.word}
            </span>
          )}
        </td>
      )}
      <td class="graph-kind" data-label="Kind">
        {kind}
      </td>
      <td data-label="Comes after" class="muted">
        {after.length === 0 ? "–" : named}
        {others > 0 && ` and ${others} more`}
        {rule && ` (${rule})`}
      </td>
      {ran && (
        <td class="number-cell" data-label="Took">
          {tookMs === undefined ? "–" : lengthInWords(tookMs)}
        </td>
      )}
      <td class="whole">{more}</td>
    </tr>
  );
}
