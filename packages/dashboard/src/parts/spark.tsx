/** The course of a number, as a line; its words stand beside it, so nobody needs to see it. */
export function Spark({ values, token = "muted" }: { values: readonly number[]; token?: string }) {
  const most = Math.max(1, ...values);
  const points = values.map(
    (value, index) =>
      `${((index / Math.max(1, values.length - 1)) * 100).toFixed(1)},${(22 - (value / most) * 20).toFixed(1)}`,
  );
  return (
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <polyline
        points={points.join(" ")}
        fill="none"
        stroke={`var(--${token})`}
        stroke-width="1.5"
        vector-effect="non-scaling-stroke"
      />
    </svg>
  );
}
