import type { LogLine } from "@millrace/core/api";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { LogRow } from "./log-row.tsx";
import { RowHeights } from "./row-heights.ts";

/** What most lines have, in pixels: see `.line`. */
const LINE_HEIGHT = 18;
/** So many lines are drawn beyond the edges, so that a quick hand sees no gap, and drawn anew when fewer than half are left. */
const MORE = 16;

/**
 * Lines of a log, of which those on the screen are drawn, each as tall as it is: those around the one that the address names, or the
 * first; the last while they are followed.
 *
 * @param named the number of the line that the address names
 * @param isCalm whether those who hear the page are told of lines that come
 * @param onLeave somebody has scrolled away from the end
 */
export function LogLines({
  lines,
  named,
  follow,
  isCalm,
  isFolded,
  onLeave,
}: {
  lines: readonly LogLine[];
  named: number | undefined;
  follow: boolean;
  isCalm: boolean;
  /** Whether what is long is folded; each is otherwise by a press. */
  isFolded: boolean;
  onLeave: () => void;
}) {
  const log = useRef<HTMLDivElement>(null);
  const space = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const reveal = useRef<number | undefined>(undefined);
  const scrolled = useRef({ top: 0, height: 0, width: 0 });
  const [view, setView] = useState({ top: 0, height: 600 });
  const [turned, setTurned] = useState<ReadonlySet<number>>(new Set());
  // Of another width all are other ones.
  const heights = useMemo(() => new RowHeights(LINE_HEIGHT), [isFolded, scrolled.current.width]);
  heights.resize(lines.length);
  const top = follow ? Math.max(0, heights.total - view.height) : view.top;
  const from = Math.max(0, heights.at(top) - MORE);
  const to = Math.min(lines.length, heights.at(top + view.height) + MORE);

  /** Draws others when those that are drawn do not reach beyond the edges any more. */
  const look = () => {
    const { scrollTop, clientHeight, scrollHeight, clientWidth } = log.current!;
    scrolled.current = { top: scrollTop, height: scrollHeight, width: clientWidth };
    const first = heights.at(scrollTop);
    const last = heights.at(scrollTop + clientHeight);
    const isShort =
      (from > 0 && first - from < MORE / 2) || (to < lines.length && to - last < MORE / 2);
    if (isShort || clientHeight > view.height) setView({ top: scrollTop, height: clientHeight });
  };

  useLayoutEffect(() => {
    const { current: box } = log;
    let above = 0;
    let place = heights.top(from);
    const edge = box!.scrollTop;
    for (const [n, row] of [...rows.current!.children].entries()) {
      const tall = row.getBoundingClientRect().height;
      const grown = heights.set(from + n, tall);
      if (place < edge) above += grown;
      place += tall - grown;
    }
    space.current!.style.height = `${heights.total}px`;
    const { current: wanted } = reveal;
    if (follow) box!.scrollTop = box!.scrollHeight;
    else if (wanted !== undefined && wanted >= from && wanted < to) {
      rows.current!.children[wanted - from]!.scrollIntoView({ block: "center" });
      reveal.current = undefined;
    } else if (wanted !== undefined) box!.scrollTop = heights.top(wanted) - box!.clientHeight / 2;
    // What is looked at stays where it is while lines above it turn out to be taller than was thought.
    else if (above !== 0) box!.scrollTop += above;
    look();
  });

  const place = placeOf(lines, named);
  useLayoutEffect(() => {
    if (place < 0) return;
    reveal.current = place;
    setView({ top: Math.max(0, heights.top(place) - view.height / 2), height: view.height });
  }, [named, place >= 0]);

  const onScroll = () => {
    const { top: before, height } = scrolled.current;
    const { scrollTop, scrollHeight, clientHeight } = log.current!;
    if (follow && scrollTop < before - 1 && scrollHeight >= height) {
      setView({ top: scrollTop, height: clientHeight });
      onLeave();
    }
    look();
  };
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(() => {
      const { clientHeight, clientWidth, scrollTop } = log.current!;
      scrolled.current.width = clientWidth;
      setView({ top: scrollTop, height: clientHeight });
    });
    sizes.observe(log.current!);
    return () => sizes.disconnect();
  }, []);

  const turn = (seq: number) => {
    const now = new Set(turned);
    if (!now.delete(seq)) now.add(seq);
    setTurned(now);
  };
  return (
    <div
      ref={log}
      class="log"
      role="log"
      aria-label="Log"
      aria-live={follow && isCalm ? "polite" : "off"}
      tabIndex={0}
      onScroll={onScroll}
    >
      <div ref={space} class="log-space">
        <div ref={rows} style={{ transform: `translateY(${heights.top(from)}px)` }}>
          {lines.slice(from, to).map((line) => (
            <LogRow
              key={line.seq}
              line={line}
              isNamed={line.seq === named}
              isFolded={turned.has(line.seq) !== isFolded}
              onTurn={() => turn(line.seq)}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** Where the line of that number is; -1 where it is not. They are in the order of their numbers. */
function placeOf(lines: readonly LogLine[], seq: number | undefined): number {
  if (seq === undefined) return -1;
  let [from, to] = [0, lines.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (lines[middle]!.seq < seq) from = middle + 1;
    else to = middle;
  }
  return lines[from]?.seq === seq ? from : -1;
}
