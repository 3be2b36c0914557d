import { useMemo } from "preact/hooks";
import type { Layout, Point } from "./layered-layout.ts";
import type { ShownNode } from "./shown-node.ts";

/** The links of a graph, in as few shapes as there are kinds of them: those that were gone, and those that were not. */
export function GraphLines({ layout, nodes }: { layout: Layout; nodes: readonly ShownNode[] }) {
  const untouched = nodes.flatMap(({ id, look }) => (look?.untouched ? [id] : []));
  const paths = useMemo(() => {
    const idle = new Set(untouched);
    const [gone, open] = [
      layout.lines.filter(({ to }) => !idle.has(to)),
      layout.lines.filter(({ to }) => idle.has(to)),
    ];
    return [
      { kind: "gone", lines: gone },
      { kind: "open", lines: open },
    ].map(({ kind, lines }) => ({
      kind,
      way: lines.map(({ points }) => curve(points)).join(""),
      heads: lines.map(({ points }) => head(points.at(-1)!)).join(""),
    }));
  }, [layout, untouched.join("\n")]);
  return (
    <g aria-hidden="true">
      {paths.map(({ kind, way, heads }) => (
        <g key={kind} class={`graph-lines graph-${kind}`}>
          <path class="graph-way" d={way} />
          <path class="graph-heads" d={heads} />
        </g>
      ))}
    </g>
  );
}

/** Straight down past nodes, in a bow through the gaps between layers. */
function curve([first, ...others]: readonly Point[]): string {
  let from = first!;
  let text = `M${from.x} ${from.y}`;
  for (const to of others) {
    const middle = (from.y + to.y) / 2;
    text +=
      from.x === to.x
        ? `L${to.x} ${to.y}`
        : `C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`;
    from = to;
  }
  return text;
}

function head({ x, y }: Point): string {
  return `M${x} ${y}l-4 -7h8z`;
}
