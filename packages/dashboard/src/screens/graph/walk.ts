import type { Layout, Link } from "./layered-layout.ts";

/**
 * Where an arrow leads from a node: down and up along links, to the nearest; left and right within the layer.
 *
 * @returns undefined for another key, and where there is nothing
 */
export function walk(
  key: string,
  from: string,
  { places, layers }: Pick<Layout, "places" | "layers">,
  links: readonly Link[],
): string | undefined {
  const { x } = places.get(from)!;
  const nearest = (ids: readonly string[]) =>
    ids
      .filter((id) => places.has(id))
      .toSorted((a, b) => Math.abs(places.get(a)!.x - x) - Math.abs(places.get(b)!.x - x))[0];
  const layer = layers.find((ids) => ids.includes(from))!;
  const place = layer.indexOf(from);
  switch (key) {
    case "ArrowDown":
      return nearest(links.flatMap((link) => (link.from === from ? [link.to] : [])));
    case "ArrowUp":
      return nearest(links.flatMap((link) => (link.to === from ? [link.from] : [])));
    case "ArrowLeft":
      return layer[place - 1];
    case "ArrowRight":
      return layer[place + 1];
    case "Home":
      return layers[0]?.[0];
    case "End":
      return layers.at(-1)?.[0];
    default:
      return undefined;
  }
}
