import { useState } from "preact/hooks";
import { PRESETS, type Range, boundsOf, inAddress, moved, rangeOf } from "../routing/range.ts";
import { go, place, withQuery } from "../routing/router.ts";
import { useKeys } from "../shell/keyboard.ts";
import { Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { exactTime, inUtc } from "./moment.ts";

/**
 * Which time is looked at: it stands in the address. `[` and `]` move it.
 *
 * @param otherwise what holds where none is chosen; undefined for all times, which then is a choice of its own
 */
export function RangePicker({ otherwise }: { otherwise?: Range }) {
  const [custom, setCustom] = useState(false);
  const chosen = rangeOf(place.value.query);
  const range = chosen ?? otherwise;
  const turn = (by: -1 | 1) => {
    const next = moved(range ?? { preset: "1h" }, by, Date.now());
    go(withQuery(inAddress(next)), "replace");
  };
  useKeys({ "[": () => turn(-1), "]": () => turn(1) });
  const still = range && !("preset" in range) ? range : undefined;
  return (
    <nav class="chips" aria-label="Time range">
      {!otherwise && (
        <a class="chip" href={withQuery(inAddress(undefined))} aria-current={current(!range)}>
          Any time
        </a>
      )}
      {PRESETS.map((preset) => (
        <a
          key={preset}
          class="chip"
          href={withQuery(inAddress({ preset }))}
          aria-current={current(
            range !== undefined && "preset" in range && range.preset === preset,
          )}
        >
          {preset}
        </a>
      ))}
      <button
        type="button"
        class="chip"
        aria-haspopup="dialog"
        aria-current={current(still !== undefined)}
        onClick={() => setCustom(true)}
      >
        {still ? <Stretch {...still} /> : "From … to"}
      </button>
      {custom && <CustomRange range={range} onClose={() => setCustom(false)} />}
    </nav>
  );
}

const current = (is: boolean) => (is ? "true" : undefined);

/** To the minute, and the day but once. */
function Stretch({ from, to }: { from: number; to: number }) {
  const [first, last] = [from, to].map((ms) => exactTime(new Date(ms).toISOString(), inUtc.value));
  const sameDay = first!.slice(0, 10) === last!.slice(0, 10);
  return (
    <>
      {first!.slice(0, 16)} to {last!.slice(sameDay ? 11 : 0, 16)}
      {inUtc.value && " UTC"}
    </>
  );
}

function CustomRange({ range, onClose }: { range: Range | undefined; onClose: () => void }) {
  const now = Date.now();
  const bounds = boundsOf(range ?? { preset: "1h" }, now);
  const [from, setFrom] = useState(written(bounds.from));
  const [to, setTo] = useState(written(bounds.to));
  const given = { from: read(from), to: read(to) };
  const wrong = given.from < given.to ? undefined : "The end must come after the beginning";
  return (
    <Dialog title="From when to when" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (wrong) return;
          onClose();
          go(withQuery(inAddress(given)));
        }}
      >
        {(
          [
            ["From", from, setFrom, undefined],
            ["To", to, setTo, wrong],
          ] as const
        ).map(([label, value, set, trouble]) => (
          <Field
            key={label}
            label={label}
            wrong={trouble}
            hint={inUtc.value ? "UTC" : "Local time"}
          >
            {(control) => (
              <input
                {...control}
                type="datetime-local"
                required
                value={value}
                onInput={(event) => set(event.currentTarget.value)}
              />
            )}
          </Field>
        ))}
        <div class="row">
          <button type="button" onClick={onClose}>
            Not now
          </button>
          <button type="submit" class="primary" aria-disabled={wrong !== undefined}>
            Look at it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** As the field takes it, to the minute, in the zone that was chosen. */
function written(ms: number): string {
  return exactTime(new Date(ms).toISOString(), inUtc.value).slice(0, 16).replace(" ", "T");
}

/** NaN for what is not filled in. */
function read(text: string): number {
  return Date.parse(inUtc.value ? `${text}Z` : text);
}
