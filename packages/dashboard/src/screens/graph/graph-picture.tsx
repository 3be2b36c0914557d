import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../../design/icon.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import { useKeys } from "../../shell/keyboard.ts";
import { GraphLines } from "./graph-lines.tsx";
import { GraphMap } from "./graph-map.tsx";
import { type Layout, layeredLayout } from "./layered-layout.ts";
import type { ShownGraph, ShownNode } from "./shown-node.ts";
import { useDrag } from "./use-drag.ts";
import { type Size, type View, centred, fitted, opened, showing, zoomed } from "./view-box.ts";
import { walk } from "./walk.ts";

const NODE = { width: 176, height: 44 };
const SIZES = { ...NODE, gapX: 24, gapY: 36 };
const STEP = 1.3;

/**
 * A graph as a picture that is moved, made larger and smaller, and walked by arrows.
 *
 * @param watched the node that is brought to the middle whenever it is another one; undefined for none
 * @param onOpen what Enter does on a node
 */
export function GraphPicture({
  graph,
  label,
  chosen,
  watched,
  onChoose,
  onOpen,
}: {
  graph: ShownGraph;
  label: string;
  chosen: string | undefined;
  watched: string | undefined;
  onChoose: (id: string) => void;
  onOpen: (id: string) => void;
}) {
  const { nodes, links } = graph;
  const layout = useLayout(graph);
  const id = useId();
  const element = useRef<SVGSVGElement>(null);
  const { size, view, setView } = useView(element, layout, chosen ?? startOf(nodes));
  const fit = () => setView(fitted(layout, size));
  const zoom = (by: number) =>
    setView(
      zoomed(view, by, {
        x: view.x + size.width / view.scale / 2,
        y: view.y + size.height / view.scale / 2,
      }),
    );
  useKeys({ F: fit });
  useDrag(element, view, setView);
  useEffect(() => {
    const place = watched === undefined ? undefined : layout.places.get(watched);
    if (place) setView((old) => centred(place, old.scale, size));
  }, [watched, layout]);

  const focusable = chosen !== undefined && layout.places.has(chosen) ? chosen : startOf(nodes);
  const choose = (node: string) => {
    onChoose(node);
    setView((old) => showing(old, layout.places.get(node)!, NODE, size));
    document.getElementById(`${id}-${node}`)?.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (focusable === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return onOpen(focusable);
    }
    const next = walk(event.key, focusable, layout, links);
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
  };
  return (
    <div class="graph-window">
      <svg
        ref={element}
        class="graph"
        role="group"
        aria-label={`${label}. Arrows walk from node to node, Enter leads to its row, F shows all.`}
        viewBox={`${view.x} ${view.y} ${size.width / view.scale} ${size.height / view.scale}`}
        onKeyDown={onKeyDown}
      >
        <GraphLines layout={layout} nodes={nodes} />
        {nodes.map((node) => (
          <Node
            key={node.id}
            domId={`${id}-${node.id}`}
            node={node}
            place={layout.places.get(node.id)!}
            isChosen={node.id === chosen}
            isFocusable={node.id === focusable}
            onChoose={() => choose(node.id)}
          />
        ))}
      </svg>
      <GraphMap
        {...{ layout, nodes, view, size }}
        node={NODE}
        onMove={(at) => setView(centred(at, view.scale, size))}
      />
      <div class="graph-tools row">
        <button type="button" aria-label="Smaller" onClick={() => zoom(1 / STEP)}>
          −
        </button>
        <button type="button" aria-label="Larger" onClick={() => zoom(STEP)}>
          +
        </button>
        <button type="button" aria-keyshortcuts="F" title="Shortcut: F" onClick={fit}>
          Fit
        </button>
      </div>
    </div>
  );
}

function Node({
  node,
  domId,
  place,
  isChosen,
  isFocusable,
  onChoose,
}: {
  node: ShownNode;
  domId: string;
  place: { x: number; y: number };
  isChosen: boolean;
  isFocusable: boolean;
  onChoose: () => void;
}) {
  const { id, kind, look, tookMs } = node;
  const said = [look ? look.word : kind, tookMs !== undefined && lengthInWords(tookMs)].filter(
    Boolean,
  );
  return (
    <g
      id={domId}
      class={`graph-node ${look ? `state-${look.token}` : ""} ${look?.untouched ? "untouched" : ""} ${isChosen ? "chosen" : ""}`}
      role="button"
      aria-pressed={isChosen}
      aria-label={`${id}, ${said.join(", ")}`}
      // In lower case: names of attributes are told apart by it in SVG.
      tabindex={isFocusable ? 0 : -1}
      transform={`translate(${place.x - NODE.width / 2} ${place.y - NODE.height / 2})`}
      onClick={onChoose}
    >
      <title>{id}</title>
      <rect width={NODE.width} height={NODE.height} rx="6" />
      {look && (
        <svg x="10" y="14" width="16" height="16" viewBox="0 0 16 16">
          <Icon name={look.shape} />
        </svg>
      )}
      <text class="graph-name" x={look ? 34 : 12} y="19">
        {short(id, look ? 20 : 23)}
      </text>
      <text class="graph-said" x={look ? 34 : 12} y="35">
        {said.join(" · ")}
      </text>
    </g>
  );
}

/** The end of a name says as much as its beginning. */
function short(name: string, most: number): string {
  const letters = Array.from(name);
  if (letters.length <= most) return name;
  const head = Math.ceil((most - 1) * 0.6);
  return `${letters.slice(0, head).join("")}…${letters.slice(head + 1 - most).join("")}`;
}

/** Where somebody looks first: at what failed, or at what is under way, or at the beginning. */
function startOf(nodes: readonly ShownNode[]): string | undefined {
  const of = (token: string) => nodes.find(({ look }) => look?.token === token)?.id;
  return of("failed") ?? of("running") ?? nodes[0]?.id;
}

/** Laid out anew only when there are other nodes or links: what becomes of them moves nothing. */
function useLayout({ nodes, links }: ShownGraph): Layout {
  const shape = JSON.stringify([nodes.map(({ id }) => id), links]);
  return useMemo(
    () =>
      layeredLayout(
        nodes.map(({ id }) => id),
        links,
        SIZES,
      ),
    [shape],
  );
}

function useView(
  element: { current: SVGSVGElement | null },
  layout: Layout,
  first: string | undefined,
) {
  const [size, setSize] = useState<Size>({ width: 600, height: 400 });
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const seen = useRef(false);
  useLayoutEffect(() => {
    const look = () => {
      const { width, height } = element.current!.getBoundingClientRect();
      if (width === 0) return;
      const now = { width, height };
      setSize(now);
      // Once: later, where somebody looks is theirs to say.
      if (seen.current) return;
      seen.current = true;
      setView(opened(layout, now, first === undefined ? undefined : layout.places.get(first)));
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(element.current!);
    return () => sizes.disconnect();
  }, [layout]);
  return { size, view, setView };
}
