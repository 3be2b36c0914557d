import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** So many rows beyond the edges, so that a quick hand sees no gap. */
const MORE = 8;

/**
 * A list in a box that scrolls by itself, of which the rows on the screen are drawn. All have one height.
 *
 * @param height of a row, in pixels
 * @param onShow told which rows are shown: from the first, to before the last
 */
export function ScrolledRows({
  label,
  count,
  height,
  row,
  onShow,
}: {
  label: string;
  count: number;
  height: number;
  row: (index: number) => ComponentChildren;
  onShow: (from: number, to: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [[from, to], setShown] = useState<readonly [number, number]>([0, 40]);
  const look = () => {
    const { scrollTop, clientHeight } = box.current!;
    const first = Math.max(0, Math.floor(scrollTop / height) - MORE);
    const last = Math.min(count, Math.ceil((scrollTop + clientHeight) / height) + MORE);
    setShown((old) => (old[0] === first && old[1] === last ? old : [first, last]));
  };
  useLayoutEffect(() => {
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(box.current!);
    return () => sizes.disconnect();
  }, [count, height]);
  useLayoutEffect(() => onShow(from, to), [from, to, count]);
  const shown = Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, n) => from + n);
  return (
    <div ref={box} class="scrolled" tabIndex={0} role="group" aria-label={label} onScroll={look}>
      <ol style={{ height: `${count * height}px` }}>
        {shown.map((index) => (
          <li
            key={index}
            aria-posinset={index + 1}
            aria-setsize={count}
            style={{ height: `${height}px`, transform: `translateY(${index * height}px)` }}
          >
            {row(index)}
          </li>
        ))}
      </ol>
    </div>
  );
}
