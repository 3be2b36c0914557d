import type { ErrorGroupDetail } from "@millrace/core/api";
import { now } from "../../parts/moment.ts";

const HOUR_MS = 3_600_000;
const HOURS = 168;

/** How often it came in each hour of the last week. */
export function HourBars({ hours }: { hours: ErrorGroupDetail["hours"] }) {
  if (hours.length === 0) return null;
  const last = Math.floor(now.value / HOUR_MS);
  const bars = hours
    .map(({ at, count }) => ({
      place: HOURS - 1 - (last - Math.floor(Date.parse(at) / HOUR_MS)),
      count,
    }))
    .filter(({ place }) => place >= 0 && place < HOURS);
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const total = bars.reduce((sum, { count }) => sum + count, 0);
  return (
    <section class="section hour-bars">
      <h2>By the hour</h2>
      <svg
        viewBox={`0 0 ${HOURS} 40`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} within a week, ${most} in the fullest hour`}
      >
        {bars.map(({ place, count }) => (
          <rect
            key={place}
            x={place}
            y={40 - Math.max(2, (count / most) * 38)}
            width="0.85"
            height={Math.max(2, (count / most) * 38)}
          />
        ))}
      </svg>
      <p class="row chart-axis muted">
        <span>a week ago</span>
        <span>at most {most.toLocaleString("en")} an hour</span>
        <span>now</span>
      </p>
    </section>
  );
}
