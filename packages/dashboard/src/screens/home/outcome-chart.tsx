import { axisTime } from "../../parts/axis-time.ts";
import { BAR_WIDTH, ENDS, OutcomeBars, mostEnded } from "../../parts/outcome-bars.tsx";
import { At } from "../../parts/time.tsx";
import { inAddress } from "../../routing/range.ts";
import { go, withQuery } from "../../routing/router.ts";
import type { Overview } from "./overview.ts";
import { useDrag } from "./use-drag.ts";

const HEIGHT = 100;

/** How runs ended, by the minute or longer, failures at the bottom where they are seen. What is seen is also there as a table. */
export function OutcomeChart({ overview }: { overview: Overview }) {
  const { bars, deploys } = overview;
  const count = bars.at.length;
  const most = mostEnded(bars);
  const sum = (kind: (typeof ENDS)[number]["kind"]) => bars[kind].reduce((a, b) => a + b, 0);
  const from = Date.parse(bars.at[0] ?? "");
  const length = count * bars.seconds * 1000;
  const drag = useDrag(count, (first, last) => {
    const edge = (index: number) => from + index * bars.seconds * 1000;
    go(withQuery(inAddress({ from: edge(first), to: edge(last + 1) })));
  });
  return (
    <section class="chart" aria-label="Outcomes">
      <div class="row">
        <h2>Outcomes</h2>
        {ENDS.toReversed().map(({ kind, word, token }) => (
          <span key={kind} class="legend">
            <span class={`swatch bar-${token}`} aria-hidden="true" />
            {word} {sum(kind).toLocaleString("en")}
          </span>
        ))}
        <span class="muted">
          {barWords(bars.seconds)} a bar, {most.toLocaleString("en")} at the most
        </span>
      </div>
      <svg
        viewBox={`0 0 ${count * BAR_WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        {...drag.handlers}
        aria-label={`${sum("completed")} completed, ${sum("failed")} failed, ${sum("cancelled")} cancelled`}
      >
        <OutcomeBars bars={bars} height={HEIGHT} />
        {deploys.map(({ job, version, at }) => {
          const x = ((Date.parse(at) - from) / length) * count * BAR_WIDTH;
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
        {drag.chosen && (
          <rect
            class="chosen"
            x={drag.chosen[0] * BAR_WIDTH}
            width={(drag.chosen[1] - drag.chosen[0] + 1) * BAR_WIDTH}
            y="0"
            height={HEIGHT}
          />
        )}
      </svg>
      <div class="row muted chart-axis">
        <span>{axisTime(from, length)}</span>
        {deploys.length > 0 && <span>┊ new code, the last of it {deploys.at(-1)!.job}</span>}
        <span>
          {from + length > Date.parse(overview.at) ? "now" : axisTime(from + length, length)}
        </span>
      </div>
      <p class="muted">
        {from < Date.parse(bars.keptSince) ? (
          <>
            Nothing is known of before <At at={bars.keptSince} />: counts are kept so long.
          </>
        ) : (
          "Drag over the bars to look at that time alone; [ and ] go back and forth."
        )}
      </p>
    </section>
  );
}

function barWords(seconds: number): string {
  return seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;
}
