import { crossings } from "./crossings.ts";
import { nearestInOrder } from "./nearest-in-order.ts";

export interface Link {
  from: string;
  to: string;
}

export interface Point {
  x: number;
  y: number;
}

/** Where each node and each link of a graph is drawn, in the units of {@link Sizes}; a node's place is its centre. */
export interface Layout {
  width: number;
  height: number;
  places: ReadonlyMap<string, Point>;
  /** From the lower edge of a node, through the gaps between others, to the upper edge of the next. */
  lines: readonly { from: string; to: string; points: readonly Point[] }[];
  /** The nodes from the top down, each layer from left to right. */
  layers: readonly (readonly string[])[];
}

export interface Sizes {
  width: number;
  height: number;
  gapX: number;
  gapY: number;
}

/** A node, or a bend of a link that passes a layer. */
interface Stop {
  id: string | undefined;
  width: number;
  above: Stop[];
  below: Stop[];
  /** Its place in its layer, from 0. */
  order: number;
  x: number;
}

/** With more bends than this, links that are long are drawn straight: nobody could follow them anyway. */
const MOST_BENDS = 2000;
const BEND_WIDTH = 8;
const SWEEPS = 8;

/**
 * Draws a graph in layers from the top down (Sugiyama, Tagawa, Toda 1981): each node one layer below the lowest of those before it, links with few
 * crossings (by the mean place of neighbours, the best of some sweeps), nodes near below those that they come after.
 *
 * @param ids each after those that it comes after; links that go back, or to what is not there, are left out
 */
export function layeredLayout(
  ids: readonly string[],
  links: readonly Link[],
  sizes: Sizes,
): Layout {
  const place = new Map(ids.map((id, index) => [id, index]));
  const forward = links.filter(
    ({ from, to }) => (place.get(from) ?? Infinity) < (place.get(to) ?? -1),
  );
  const ranks = ranksOf(ids, forward);
  const { layers, routes } = stopsOf(ids, forward, ranks, sizes.width);
  sortOut(layers);
  setApart(layers, sizes.gapX);
  return drawn(layers, routes, sizes);
}

/** Each as far up as what it comes after lets it; one that comes after nothing, right above the first that needs it. */
function ranksOf(ids: readonly string[], links: readonly Link[]): Map<string, number> {
  const before = groupBy(links, "to", "from");
  const after = groupBy(links, "from", "to");
  const ranks = new Map<string, number>();
  for (const id of ids) {
    ranks.set(id, Math.max(0, ...(before.get(id) ?? []).map((one) => ranks.get(one)! + 1)));
  }
  for (const id of ids) {
    const next = after.get(id);
    if (!before.has(id) && next) ranks.set(id, Math.min(...next.map((one) => ranks.get(one)!)) - 1);
  }
  return ranks;
}

function groupBy(links: readonly Link[], by: keyof Link, what: keyof Link): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const link of links) {
    const group = groups.get(link[by]);
    if (group) group.push(link[what]);
    else groups.set(link[by], [link[what]]);
  }
  return groups;
}

interface Route extends Link {
  stops: Stop[];
}

/** The layers, with a bend in each that a link passes. */
function stopsOf(
  ids: readonly string[],
  links: readonly Link[],
  ranks: ReadonlyMap<string, number>,
  width: number,
): { layers: Stop[][]; routes: Route[] } {
  const layers: Stop[][] = Array.from({ length: Math.max(-1, ...ranks.values()) + 1 }, () => []);
  const put = (id: string | undefined, rank: number): Stop => {
    const layer = layers[rank]!;
    const stop = {
      id,
      width: id === undefined ? BEND_WIDTH : width,
      above: [],
      below: [],
      order: layer.length,
      x: 0,
    };
    layer.push(stop);
    return stop;
  };
  const stops = new Map(ids.map((id) => [id, put(id, ranks.get(id)!)]));
  const spans = links.map((link) => ({
    ...link,
    above: ranks.get(link.from)!,
    below: ranks.get(link.to)!,
  }));
  const bends = spans.reduce((sum, { above, below }) => sum + below - above - 1, 0);
  const routes = spans.map(({ from, to, above, below }) => {
    const way = [stops.get(from)!];
    if (bends <= MOST_BENDS) {
      for (let rank = above + 1; rank < below; rank++) way.push(put(undefined, rank));
    }
    way.push(stops.get(to)!);
    // One that is drawn straight past layers has no neighbour in any.
    if (way.length === below - above + 1) join(way);
    return { from, to, stops: way };
  });
  return { layers, routes };
}

function join(way: readonly Stop[]): void {
  for (const [index, stop] of way.slice(1).entries()) {
    stop.above.push(way[index]!);
    way[index]!.below.push(stop);
  }
}

/** Puts each stop at the mean place of its neighbours in the layer before, down and up in turns; what crosses least stays. */
function sortOut(layers: Stop[][]): void {
  let best = { crossed: crossings(layers), order: layers.map((layer) => [...layer]) };
  for (let sweep = 0; sweep < SWEEPS && best.crossed > 0; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : layers.toReversed()) {
      const wanted = new Map(
        layer.map((stop) => {
          const near = down ? stop.above : stop.below;
          return [stop, near.length === 0 ? stop.order : mean(near.map(({ order }) => order))];
        }),
      );
      layer.sort((a, b) => wanted.get(a)! - wanted.get(b)! || a.order - b.order);
      for (const [order, stop] of layer.entries()) stop.order = order;
    }
    const crossed = crossings(layers);
    if (crossed < best.crossed) best = { crossed, order: layers.map((layer) => [...layer]) };
  }
  for (const [rank, layer] of best.order.entries()) {
    layers[rank] = layer;
    for (const [order, stop] of layer.entries()) stop.order = order;
  }
}

/** Moves each layer as near to its neighbours as the order and the gaps let it, down and up in turns. */
function setApart(layers: readonly Stop[][], gap: number): void {
  for (const layer of layers) {
    let right = 0;
    for (const stop of layer) {
      stop.x = right + stop.width / 2;
      right += stop.width + gap;
    }
    for (const stop of layer) stop.x -= (right - gap) / 2;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : layers.toReversed()) {
      const wanted = layer.map((stop) => {
        const near = down ? stop.above : stop.below;
        return near.length === 0 ? stop.x : mean(near.map(({ x }) => x));
      });
      const apart = layer.map((stop, index) => {
        const left = layer[index - 1];
        return left ? (left.width + stop.width) / 2 + gap : 0;
      });
      for (const [index, x] of nearestInOrder(wanted, apart).entries()) layer[index]!.x = x;
    }
  }
}

function drawn(layers: readonly Stop[][], routes: readonly Route[], sizes: Sizes): Layout {
  const { height, gapY } = sizes;
  const all = layers.flat();
  const left = Math.min(0, ...all.map(({ x, width }) => x - width / 2));
  const right = Math.max(0, ...all.map(({ x, width }) => x + width / 2));
  const places = new Map<string, Point>();
  const at = new Map<Stop, Point>();
  for (const [rank, layer] of layers.entries()) {
    for (const stop of layer) {
      const point = { x: stop.x - left, y: rank * (height + gapY) + height / 2 };
      at.set(stop, point);
      if (stop.id !== undefined) places.set(stop.id, point);
    }
  }
  return {
    width: right - left,
    height: Math.max(0, layers.length * (height + gapY) - gapY),
    places,
    lines: routes.map(({ from, to, stops }) => ({
      ...{ from, to },
      points: stops.flatMap((stop, index) => {
        const { x, y } = at.get(stop)!;
        const top = { x, y: y - height / 2 };
        const foot = { x, y: y + height / 2 };
        if (index === 0) return [foot];
        return index === stops.length - 1 ? [top] : [top, foot];
      }),
    })),
    layers: layers.map((layer) => layer.flatMap(({ id }) => id ?? [])),
  };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
}
