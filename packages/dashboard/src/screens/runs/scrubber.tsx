import type { ReadonlySignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { axisTime } from "../../parts/axis-time.ts";
import { exactTime, inUtc } from "../../parts/moment.ts";
import { BAR_WIDTH, OutcomeBars } from "../../parts/outcome-bars.tsx";
import { instant } from "../../routing/range.ts";
import { go, withQuery } from "../../routing/router.ts";
import type { Time } from "./run-query.ts";
import { type Outcomes, useOutcomes } from "./use-outcomes.ts";

const HEIGHT = 28;

/** The list follows the hand when it rests so long. */
const REST_MS = 150;

/** How far a step goes, in seconds: to instants that people say, some to a bar. */
const STEPS = [7200, 3600, 1800, 900, 300, 60] as const;

/**
 * Where in time the list begins: moved back, it shows what was accepted before. It is a slider below how all runs ended, so that one sees where it is worth
 * looking; a line shows of when the rows are that are seen. The instant stands in the address.
 *
 * @param seen when the first row on the screen was accepted @param ready whether the list is there: it comes first
 */
export function Scrubber({
  time: { range, before },
  seen,
  ready,
}: {
  time: Time;
  seen: ReadonlySignal<number | undefined>;
  ready: boolean;
}) {
  const outcomes = useOutcomes(range, ready);
  const element = useRef<HTMLElement>(null);
  /** Where the hand has it; undefined once the list has followed. */
  const [held, setHeld] = useState<number>();
  const scale = outcomes && scaleOf(outcomes);
  const begin = (at: number | undefined) => {
    go(withQuery({ before: at === undefined ? undefined : instant(at) }), "replace");
    // Whoever has scrolled far looks at the first rows of what comes, with the slider still under the hand.
    const top = element.current!.parentElement!.getBoundingClientRect().top;
    if (top < 0) scrollBy(0, top);
  };
  useEffect(() => {
    if (held === undefined || !scale) return;
    const timer = setTimeout(() => {
      begin(scale.instantOf(held));
      setHeld(undefined);
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [held]);
  const at = held !== undefined && scale ? scale.instantOf(held) : before;
  return (
    <section ref={element} class="scrubber" aria-label="Jump in time">
      <div class="scrubber-strip">
        {outcomes && <Strip outcomes={outcomes} seen={seen} />}
        {scale && (
          <input
            type="range"
            aria-label="Runs accepted before"
            aria-valuetext={inWords(at)}
            min={1}
            max={scale.count}
            value={held ?? scale.placeOf(before)}
            onInput={(event) => setHeld(event.currentTarget.valueAsNumber)}
          />
        )}
      </div>
      <div class="row muted chart-axis">
        <span>{outcomes && axisTime(outcomes.from, outcomes.to - outcomes.from)}</span>
        <span>
          {inWords(at)}
          {at !== undefined && (
            <>
              {" "}
              <button type="button" class="link" onClick={() => begin(undefined)}>
                To the newest
              </button>
            </>
          )}
        </span>
        <span>{outcomes && endOf(outcomes)}</span>
      </div>
    </section>
  );
}

function inWords(at: number | undefined): string {
  if (at === undefined) return "Newest first";
  const exact = exactTime(new Date(at).toISOString(), inUtc.value).slice(0, 16);
  return `Before ${exact}${inUtc.value ? " UTC" : ""}`;
}

function endOf({ bars, from, to }: Outcomes): string {
  const now = from + bars.at.length * bars.seconds * 1000 > Date.now();
  return now ? "now" : axisTime(to, to - from);
}

/** The places of the slider: each is an instant, the last is the newest. */
function scaleOf({ bars, from, to }: Outcomes) {
  const step = 1000 * (STEPS.find((seconds) => seconds * 3 <= bars.seconds) ?? STEPS.at(-1)!);
  const count = Math.max(2, Math.ceil((to - from) / step));
  return {
    count,
    instantOf: (place: number) => (place >= count ? undefined : from + place * step),
    placeOf: (at: number | undefined) =>
      at === undefined ? count : Math.min(count - 1, Math.max(1, Math.round((at - from) / step))),
  };
}

function Strip({
  outcomes: { bars, from, to },
  seen,
}: {
  outcomes: Outcomes;
  seen: ReadonlySignal<number | undefined>;
}) {
  const share = seen.value === undefined ? -1 : (seen.value - from) / (to - from);
  const width = ((to - from) / 1000 / bars.seconds) * BAR_WIDTH;
  return (
    <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <OutcomeBars bars={bars} height={HEIGHT} />
      {share >= 0 && share <= 1 && (
        <line
          x1={share * width}
          x2={share * width}
          y1="0"
          y2={HEIGHT}
          stroke="var(--text)"
          vector-effect="non-scaling-stroke"
        />
      )}
    </svg>
  );
}
