import { useId, useState } from "preact/hooks";
import { go, place, withQuery } from "../../routing/router.ts";
import { GraphPicture } from "./graph-picture.tsx";
import { GraphTable } from "./graph-table.tsx";
import type { ShownGraph } from "./shown-node.ts";
import "./graph.css";

/** A picture of more could neither be read nor moved. */
const MOST_DRAWN = 200;

/**
 * A graph: a picture, and every node as a row of a table. One node is chosen in both, and stands in the address.
 *
 * @param active the node where something goes on; undefined for a graph in which nothing will change
 */
export function GraphView({
  graph,
  label,
  active,
}: {
  graph: ShownGraph;
  label: string;
  active?: string | undefined;
}) {
  const id = useId();
  const [follow, setFollow] = useState(active !== undefined);
  const chosen = place.value.query.get("node") ?? undefined;
  const choose = (node: string) => go(withQuery({ node }), "replace");
  const rowId = (node: string) => `${id}-row-${node}`;
  const toRow = (node: string) => {
    choose(node);
    document.getElementById(rowId(node))?.focus();
  };
  const isDrawn = graph.nodes.length <= MOST_DRAWN;
  return (
    <div class="graph-view">
      {active !== undefined && isDrawn && (
        <label class="tick">
          <input
            type="checkbox"
            checked={follow}
            onChange={(event) => setFollow(event.currentTarget.checked)}
          />
          Follow what runs
        </label>
      )}
      {isDrawn ? (
        <GraphPicture
          {...{ graph, label, chosen }}
          watched={follow ? active : undefined}
          onChoose={choose}
          onOpen={toRow}
        />
      ) : (
        <p class="muted">
          {graph.nodes.length.toLocaleString("en")} nodes are too many for a picture: this is all of
          them as a tree, branches below the node where they part.
        </p>
      )}
      <GraphTable {...{ graph, label, chosen, rowId }} onChoose={choose} />
    </div>
  );
}
