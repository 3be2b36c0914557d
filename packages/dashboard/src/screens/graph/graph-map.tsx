import type { Layout, Point } from "./layered-layout.ts";
import type { ShownNode } from "./shown-node.ts";
import type { Size, View } from "./view-box.ts";

/** All of the graph in small, and what of it is seen; a press moves there. It is not there when all is seen. */
export function GraphMap({
  layout,
  nodes,
  node,
  view,
  size,
  onMove,
}: {
  layout: Layout;
  nodes: readonly ShownNode[];
  node: Size;
  view: View;
  size: Size;
  onMove: (at: Point) => void;
}) {
  const wide = size.width / view.scale;
  const high = size.height / view.scale;
  const isAll =
    view.x <= 0 && view.y <= 0 && view.x + wide >= layout.width && view.y + high >= layout.height;
  if (isAll) return null;
  const move = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    if (event.buttons === 0 && event.type === "pointermove") return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      event.currentTarget.getScreenCTM()!.inverse(),
    );
    onMove(at);
  };
  return (
    // For who points: who does not walks by arrows, and sees all by F.
    <svg
      class="graph-map"
      aria-hidden="true"
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      onPointerDown={move}
      onPointerMove={move}
    >
      {nodes.map(({ id, look }) => {
        const { x, y } = layout.places.get(id)!;
        return (
          <rect
            key={id}
            class={look ? `state-${look.token}` : undefined}
            x={x - node.width / 2}
            y={y - node.height / 2}
            {...node}
          />
        );
      })}
      <rect class="graph-seen" x={view.x} y={view.y} width={wide} height={high} />
    </svg>
  );
}
