import { useState } from "preact/hooks";
import { exactTime, inUtc } from "../../parts/moment.ts";
import { Ago } from "../../parts/time.tsx";
import { useKeys } from "../../shell/keyboard.ts";
import { lookAt, lookAtNow } from "./moment-in-address.ts";
import type { Overview } from "./overview.ts";

const HOUR_S = 3600;

/**
 * Goes through the minutes of the time that is shown; where only hours are kept, through those. Escape leads back to now.
 *
 * @param at the beginning of the minute that is looked at, in milliseconds
 */
export function MinuteSlider({ overview, at }: { overview: Overview; at: number | undefined }) {
  const [moving, setMoving] = useState<number>();
  const { bars } = overview;
  const stepMs = (bars.seconds >= HOUR_S ? HOUR_S : 60) * 1000;
  const whole = (ms: number) => Math.floor(ms / stepMs) * stepMs;
  const from = whole(Date.parse(bars.at[0] ?? ""));
  const end = from + bars.at.length * bars.seconds * 1000;
  const to = whole(Math.min(end - 1, Date.parse(overview.at)));
  const shown = moving ?? at;
  const words = shown === undefined ? "now" : wordsOf(shown);
  useKeys(at === undefined ? {} : { Escape: lookAtNow });
  return (
    <div class="minute-slider">
      <label>
        <span class="unseen">The minute that is looked at</span>
        <input
          type="range"
          min={from}
          max={to}
          step={stepMs}
          value={shown ?? to}
          aria-valuetext={words}
          onInput={(event) => setMoving(event.currentTarget.valueAsNumber)}
          // When it is let go, and at each key.
          onChange={(event) => {
            setMoving(undefined);
            lookAt(overview, event.currentTarget.valueAsNumber);
          }}
        />
      </label>
      {shown === undefined ? (
        <p class="muted">You see now. Move the slider to see an earlier minute.</p>
      ) : (
        <p class="row">
          <strong>{words}</strong>
          <span class="muted">
            <Ago at={new Date(shown).toISOString()} />
          </span>
          <button type="button" aria-keyshortcuts="Escape" onClick={lookAtNow}>
            Back to now
          </button>
        </p>
      )}
    </div>
  );
}

function wordsOf(at: number): string {
  const exact = exactTime(new Date(at).toISOString(), inUtc.value);
  return `${exact.slice(0, 16)}${inUtc.value ? " UTC" : ""}`;
}
