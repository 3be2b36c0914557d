import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** So many rows beyond the screen, so that a quick hand sees no gap. */
const MORE = 8;

/**
 * Of a long list the rows that are on the screen, at their places. The page itself scrolls, so that a list feels like any page, on phones too. All
 * rows have the height of the token `--row`, or `--card` on a small screen.
 *
 * @param onShow told which rows are shown: from the first, to before the last
 */
export function VirtualRows({
  count,
  row,
  onShow,
  reveal,
}: {
  count: number;
  row: (index: number) => ComponentChildren;
  onShow: (from: number, to: number) => void;
  /** A row that must be seen. */
  reveal: number | undefined;
}) {
  const element = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(36);
  const [[from, to], setShown] = useState<readonly [number, number]>([0, 40]);

  useLayoutEffect(() => {
    const box = element.current!;
    let tall = 36;
    let top = 0;
    const look = () => {
      const above = scrollY - top;
      const first = Math.max(0, Math.floor(above / tall) - MORE);
      const last = Math.min(count, Math.ceil((above + innerHeight) / tall) + MORE);
      setShown((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    // At each step of a scroll it would make the browser lay out what was just drawn.
    const measure = () => {
      // An empty row of the style's own height tells what it is.
      tall = box.firstElementChild!.getBoundingClientRect().height || 36;
      top = box.getBoundingClientRect().top + scrollY;
      setHeight(tall);
      look();
    };
    measure();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", measure);
    const sizes = new ResizeObserver(measure);
    sizes.observe(document.body);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", measure);
      sizes.disconnect();
    };
  }, [count]);

  useEffect(() => onShow(from, to), [from, to, count, onShow]);

  useEffect(() => {
    if (reveal === undefined) return;
    const top = element.current!.getBoundingClientRect().top + reveal * height;
    if (top < 120) scrollBy(0, top - 120);
    else if (top + height > innerHeight - 80) scrollBy(0, top + height - innerHeight + 80);
  }, [reveal, height]);

  const shown = Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, n) => from + n);
  return (
    <div
      ref={element}
      role="rowgroup"
      class="virtual"
      style={{ height: `${Math.max(1, count) * height}px` }}
    >
      <div class="virtual-measure" aria-hidden="true" role="presentation" />
      {shown.map((index) => (
        <div
          class="virtual-row"
          key={index}
          role="presentation"
          style={{ transform: `translateY(${index * height}px)` }}
        >
          {row(index)}
        </div>
      ))}
    </div>
  );
}
