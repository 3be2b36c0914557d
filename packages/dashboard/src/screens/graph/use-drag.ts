import { useEffect, useRef } from "preact/hooks";
import { type View, zoomed } from "./view-box.ts";

/** So far a press may move and still be one. */
const SLACK = 4;

/** Moves a picture by the pointer, and zooms it by the wheel with Ctrl or ⌘, as pinching on a touchpad comes: the wheel alone scrolls the page. */
export function useDrag(
  element: { current: SVGSVGElement | null },
  view: View,
  setView: (view: View) => void,
): void {
  const latest = useRef(view);
  latest.current = view;
  useEffect(() => {
    const svg = element.current!;
    let from: { x: number; y: number; view: View } | undefined;
    const onDown = (event: PointerEvent) => {
      if (event.button === 0) from = { x: event.clientX, y: event.clientY, view: latest.current };
    };
    const onMove = (event: PointerEvent) => {
      if (!from || event.buttons === 0) return;
      const [x, y] = [event.clientX - from.x, event.clientY - from.y];
      if (!svg.hasPointerCapture(event.pointerId)) {
        if (Math.hypot(x, y) < SLACK) return;
        svg.setPointerCapture(event.pointerId);
      }
      const { scale } = from.view;
      setView({ x: from.view.x - x / scale, y: from.view.y - y / scale, scale });
    };
    const onUp = () => {
      from = undefined;
    };
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, top } = svg.getBoundingClientRect();
      const { x, y, scale } = latest.current;
      const at = { x: x + (event.clientX - left) / scale, y: y + (event.clientY - top) / scale };
      setView(zoomed(latest.current, Math.exp(-event.deltaY / 300), at));
    };
    svg.addEventListener("pointerdown", onDown);
    svg.addEventListener("pointermove", onMove);
    svg.addEventListener("pointerup", onUp);
    svg.addEventListener("pointercancel", onUp);
    svg.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      svg.removeEventListener("pointerdown", onDown);
      svg.removeEventListener("pointermove", onMove);
      svg.removeEventListener("pointerup", onUp);
      svg.removeEventListener("pointercancel", onUp);
      svg.removeEventListener("wheel", onWheel);
    };
  }, []);
}
