import { axisTime } from "../../parts/axis-time.ts";
import { BAR_WIDTH, ENDS, OutcomeBars, mostEnded } from "../../parts/outcome-bars.tsx";
import { At } from "../../parts/time.tsx";
import { inAddress } from "../../routing/range.ts";
import { go, withQuery } from "../../routing/router.ts";
import { lookAt } from "./moment-in-address.ts";
import type { Overview } from "./overview.ts";
import { useDrag } from "./use-drag.ts";

const HEIGHT = 100;

/**
 * How runs ended, by the minute or longer, failures at the bottom where they are seen. What is seen is also there as a table.
 *
 * @param at the beginning of the minute that is looked at, in milliseconds
 * @param still of what was kept: there is nothing to choose
 */
export function OutcomeChart({
  overview,
  at,
  still = false,
}: {
  overview: Pick<Overview, "at" | "bars" | "deploys">;
  at: number | undefined;
  still?: boolean;
}) {
  const { bars, deploys } = overview;
  const count = bars.at.length;
  const most = mostEnded(bars);
  const sum = (kind: (typeof ENDS)[number]["kind"]) => bars[kind].reduce((a, b) => a + b, 0);
  const from = Date.parse(bars.at[0] ?? "");
  const length = count * bars.seconds * 1000;
  const edge = (index: number) => from + index * bars.seconds * 1000;
  const drag = useDrag(
    count,
    (first, last) => go(withQuery(inAddress({ from: edge(first), to: edge(last + 1) }))),
    (place) => lookAt(overview, edge(place)),
  );
  const chosen = drag.chosen ?? placeOf(at === undefined ? -1 : (at - from) / length, count);
  return (
    <section class={still ? "chart still" : "chart"} aria-label="Outcomes">
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
        {...(!still && drag.handlers)}
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
        {chosen && (
          <rect
            class="chosen"
            x={chosen[0] * BAR_WIDTH}
            width={(chosen[1] - chosen[0] + 1) * BAR_WIDTH}
            y="0"
            height={HEIGHT}
          />
        )}
      </svg>
      <div class="row muted chart-axis">
        <span>{axisTime(from, length)}</span>
        {deploys.length > 0 && <span>┊ new code, the last of it {deploys.at(-1)!.job}</span>}
        <span>
          {!still && from + length > Date.parse(overview.at)
            ? "now"
            : axisTime(from + length, length)}
        </span>
      </div>
      <p class="muted">
        {from < Date.parse(bars.keptSince) ? (
          <>
            Nothing is known of before <At at={bars.keptSince} />: counts are kept so long.
          </>
        ) : still ? null : (
          "Press a bar to look at that minute, drag over some to look at that time alone; [ and ] go back and forth."
        )}
      </p>
    </section>
  );
}

/** The bar in which a part of the whole time is; undefined for what is not in it. */
function placeOf(part: number, count: number): readonly [number, number] | undefined {
  const place = Math.floor(part * count);
  return part < 0 || place >= count ? undefined : [place, place];
}

function barWords(seconds: number): string {
  return seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;
}
