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
    const look = () => {
      const box = element.current!;
      // An empty row of the style's own height tells what it is.
      const tall = box.firstElementChild!.getBoundingClientRect().height || 36;
      setHeight(tall);
      const top = -box.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(top / tall) - MORE);
      const last = Math.min(count, Math.ceil((top + innerHeight) / tall) + MORE);
      setShown((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    const sizes = new ResizeObserver(look);
    sizes.observe(document.body);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
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
