import type { Overview } from "./overview.ts";

const HEIGHT = 100;

const KINDS = [
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
  ["completed", "Completed"],
] as const;

/** How runs ended, by the minute or longer, failures at the bottom where they are seen. What is seen is also there as a table. */
export function OutcomeChart({ overview: { bars, deploys } }: { overview: Overview }) {
  const count = bars.at.length;
  const totals = bars.at.map((_, index) =>
    KINDS.reduce((sum, [kind]) => sum + (bars[kind][index] ?? 0), 0),
  );
  const most = Math.max(1, ...totals);
  const sum = (kind: (typeof KINDS)[number][0]) => bars[kind].reduce((a, b) => a + b, 0);
  const from = Date.parse(bars.at[0] ?? "");
  const length = count * bars.seconds * 1000;
  return (
    <section class="chart" aria-label="Outcomes">
      <div class="row">
        <h2>Outcomes</h2>
        {KINDS.toReversed().map(([kind, word]) => (
          <span key={kind} class="legend">
            <span class={`swatch bar-${TOKENS[kind]}`} aria-hidden="true" />
            {word} {sum(kind).toLocaleString("en")}
          </span>
        ))}
        <span class="muted">
          {barWords(bars.seconds)} a bar, {most.toLocaleString("en")} at the most
        </span>
      </div>
      <svg
        viewBox={`0 0 ${count * 10} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${sum("completed")} completed, ${sum("failed")} failed, ${sum("cancelled")} cancelled`}
      >
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
          let top = HEIGHT;
          return KINDS.map(([kind]) => {
            const value = bars[kind][index] ?? 0;
            if (value === 0) return null;
            // What failed is seen, however much did not.
            const tall = Math.max(kind === "failed" ? 3 : 1, (value / most) * (HEIGHT - 4));
            top -= tall;
            return (
              <rect
                key={`${at} ${kind}`}
                x={index * 10 + 1}
                y={top}
                width="8"
                height={tall}
                fill={kind === "failed" ? "url(#hatch)" : `var(--${TOKENS[kind]})`}
              />
            );
          });
        })}
        {deploys.map(({ job, version, at }) => {
          const x = ((Date.parse(at) - from) / length) * count * 10;
          return (
            <line
              key={`${job} ${version}`}
              x1={x}
              x2={x}
              y1="0"
              y2={HEIGHT}
              stroke="var(--accent)"
              stroke-dasharray="3 3"
              vector-effect="non-scaling-stroke"
            >
              <title>{`${job} ${version}`}</title>
            </line>
          );
        })}
      </svg>
      <div class="row muted chart-axis">
        <span>{axisTime(bars.at[0], bars.seconds)}</span>
        {deploys.length > 0 && <span>┊ new code, the last of it {deploys.at(-1)!.job}</span>}
        <span>now</span>
      </div>
    </section>
  );
}

const TOKENS = { completed: "succeeded", failed: "failed", cancelled: "cancelled" } as const;

function barWords(seconds: number): string {
  return seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;
}

function axisTime(at: string | undefined, seconds: number): string {
  if (at === undefined) return "";
  const date = new Date(at);
  return seconds < 3600
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString([], { weekday: "short", day: "numeric" });
}
