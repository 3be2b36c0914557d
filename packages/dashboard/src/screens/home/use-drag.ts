import type { TargetedPointerEvent } from "preact";
import { useState } from "preact/hooks";

/** A pointer that has gone less far, in pixels, has pressed and drags nothing. */
const LEAST = 4;

type Pointer = TargetedPointerEvent<SVGSVGElement>;

/**
 * Places beside each other that a pointer goes over: it is a shorter way to a range, which can be written as well.
 *
 * @param count of places, of the same width @param onChosen told the first and the last, when the pointer is let go
 * @param onPressed told the place, when the pointer did not move
 */
export function useDrag(
  count: number,
  onChosen: (first: number, last: number) => void,
  onPressed: (place: number) => void,
) {
  const [at, setAt] = useState<{ began: number; is: number }>();
  const placeAt = (x: number, box: DOMRect) =>
    Math.min(count - 1, Math.max(0, Math.floor(((x - box.left) / box.width) * count)));
  const chosen = (event: Pointer): [number, number] | undefined => {
    if (!at || Math.abs(at.is - at.began) < LEAST) return undefined;
    const box = event.currentTarget.getBoundingClientRect();
    const ends = [placeAt(at.began, box), placeAt(at.is, box)].sort((a, b) => a - b);
    return [ends[0]!, ends[1]!];
  };
  const [shown, setShown] = useState<[number, number]>();
  const stop = () => {
    setAt(undefined);
    setShown(undefined);
  };
  return {
    /** The first and the last, while the pointer is down. */
    chosen: at && shown,
    handlers: {
      onPointerDown: (event: Pointer) => {
        if (event.button !== 0 || count === 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setAt({ began: event.clientX, is: event.clientX });
      },
      onPointerMove: (event: Pointer) => {
        if (!at) return;
        setAt({ ...at, is: event.clientX });
        setShown(chosen(event));
      },
      onPointerUp: (event: Pointer) => {
        if (!at) return;
        const ends = chosen(event);
        stop();
        if (ends) onChosen(...ends);
        else onPressed(placeAt(event.clientX, event.currentTarget.getBoundingClientRect()));
      },
      onPointerCancel: stop,
    },
  };
}
