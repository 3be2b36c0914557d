/** Of an overview. */
export interface Bars {
  at: readonly string[];
  completed: readonly number[];
  failed: readonly number[];
  cancelled: readonly number[];
}

/** How runs end, failures first: at the bottom they are seen. */
export const ENDS = [
  { kind: "failed", word: "Failed", token: "failed" },
  { kind: "cancelled", word: "Cancelled", token: "cancelled" },
  { kind: "completed", word: "Completed", token: "succeeded" },
] as const;

/** Of one bar, in the units of the picture. */
export const BAR_WIDTH = 10;

/** What the tallest bar stands for. */
export function mostEnded(bars: Bars): number {
  const totals = bars.at.map((_, index) =>
    ENDS.reduce((sum, { kind }) => sum + (bars[kind][index] ?? 0), 0),
  );
  return Math.max(1, ...totals);
}

/** How runs ended, as bars within a picture of that height and {@link BAR_WIDTH} a bar; failures are hatched. */
export function OutcomeBars({ bars, height }: { bars: Bars; height: number }) {
  const most = mostEnded(bars);
  return (
    <>
      <defs>
        <pattern
          id="hatch"
          width="4"
          height="4"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="4" height="4" fill="var(--failed)" />
          <rect width="1" height="4" fill="var(--base)" />
        </pattern>
      </defs>
      {bars.at.map((at, index) => {
        let top = height;
        return ENDS.map(({ kind, token }) => {
          const value = bars[kind][index] ?? 0;
          if (value === 0) return null;
          // What failed is seen, however much did not.
          const tall = Math.max(kind === "failed" ? 3 : 1, (value / most) * (height - 4));
          top -= tall;
          return (
            <rect
              key={`${at} ${kind}`}
              x={index * BAR_WIDTH + 1}
              y={top}
              width={BAR_WIDTH - 2}
              height={tall}
              fill={kind === "failed" ? "url(#hatch)" : `var(--${token})`}
            />
          );
        });
      })}
    </>
  );
}
