import type { Point } from "./layered-layout.ts";

export interface Size {
  width: number;
  height: number;
}

/** What of a picture is seen: its upper left corner, in the picture's units, and how many pixels one of them has. */
export interface View {
  x: number;
  y: number;
  scale: number;
}

/** Smaller, and no name could be read: a picture that would be begins at its top. */
const READABLE = 0.6;
const LEAST = 0.05;
const MOST = 2;
const MARGIN = 16;

/** All of the picture, no larger than it is. */
export function fitted(picture: Size, window: Size): View {
  const wide = (window.width - 2 * MARGIN) / Math.max(1, picture.width);
  const high = (window.height - 2 * MARGIN) / Math.max(1, picture.height);
  const scale = Math.max(LEAST, Math.min(1, wide, high));
  return { ...centred({ x: picture.width / 2, y: picture.height / 2 }, scale, window) };
}

/** What is seen first: all, where that can be read; else the place that says most, or the top. */
export function opened(picture: Size, window: Size, at: Point | undefined): View {
  const all = fitted(picture, window);
  if (all.scale >= READABLE) return all;
  if (at) return centred(at, READABLE, window);
  const top = centred({ x: picture.width / 2, y: 0 }, READABLE, window);
  return { ...top, y: -MARGIN / READABLE };
}

export function centred({ x, y }: Point, scale: number, { width, height }: Size): View {
  return { x: x - width / scale / 2, y: y - height / scale / 2, scale };
}

/** Larger or smaller; what is at the point stays there. */
export function zoomed(view: View, by: number, at: Point): View {
  const scale = Math.min(MOST, Math.max(LEAST, view.scale * by));
  const share = view.scale / scale;
  return { x: at.x - (at.x - view.x) * share, y: at.y - (at.y - view.y) * share, scale };
}

/** Moved as little as it takes until a box around a point is seen. */
export function showing(view: View, { x, y }: Point, box: Size, window: Size): View {
  const move = (from: number, length: number, middle: number, size: number) => {
    const [low, high] = [middle - size / 2, middle + size / 2];
    return low < from ? low : high > from + length ? high - length : from;
  };
  return {
    ...view,
    x: move(view.x, window.width / view.scale, x, box.width + MARGIN),
    y: move(view.y, window.height / view.scale, y, box.height + MARGIN),
  };
}
