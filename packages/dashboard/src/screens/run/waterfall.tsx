import type { Attempt, Run, RunStep } from "@millrace/core/api";
import { Icon, type IconName } from "../../design/icon.tsx";
import { lookOf } from "../../design/states.ts";
import { lengthInWords, now } from "../../parts/moment.ts";
import { type FoldedTime, foldedTime } from "./folded-time.ts";

interface Bar {
  key: string;
  name: string;
  /** What happened, in words. */
  words: string;
  from: number;
  until: number;
  token: string;
  shape: IconName | undefined;
  /** Something was done meanwhile, by the handler. */
  busy: boolean;
}

/** When the run waited, was tried, and what its steps took; pauses in which nothing happened are folded. */
export function Waterfall({ run }: { run: Run }) {
  const end = run.finishedAt ? Date.parse(run.finishedAt) : now.value;
  const bars = [...waitBars(run, end), ...run.attempts.map((one) => attemptBar(one, end))].sort(
    (a, b) => a.from - b.from,
  );
  const steps = run.steps.map((step) => stepBar(step, end));
  const time = foldedTime([...bars, ...steps].filter(({ busy }) => busy));
  return (
    <section class="waterfall" aria-label="When what happened">
      <ol>
        {[...bars, ...steps].map((bar) => (
          <li key={bar.key}>
            <span class="waterfall-name" title={bar.name}>
              {bar.name}
            </span>
            <span class="waterfall-track" aria-hidden="true">
              <Folds time={time} />
              <span
                class={`waterfall-bar bar-${bar.token}`}
                style={{
                  left: percent(time.at(bar.from)),
                  width: percent(Math.max(0.004, time.at(bar.until) - time.at(bar.from))),
                }}
              />
            </span>
            <span class="waterfall-took">
              {bar.shape && <Icon name={bar.shape} />} <span class="unseen">{bar.words}, </span>
              {lengthInWords(bar.until - bar.from)}
            </span>
          </li>
        ))}
      </ol>
      {time.folds.length > 0 && (
        <p class="muted">
          Folded where nothing happened:{" "}
          {time.folds.map(({ from, until }) => lengthInWords(until - from)).join(", ")}
        </p>
      )}
    </section>
  );
}

function Folds({ time }: { time: FoldedTime }) {
  return (
    <>
      {time.folds.map(({ from, left, width }) => (
        <span
          key={from}
          class="waterfall-fold"
          style={{ left: percent(left), width: percent(width) }}
        />
      ))}
    </>
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}

/** Before the first attempt it is due, then queued. */
function* waitBars(run: Run, end: number): Generator<Bar> {
  const created = Date.parse(run.createdAt);
  const first = run.attempts[0] ? Date.parse(run.attempts[0].startedAt) : end;
  const waits = run.attempts.length === 0 && run.state === "scheduled";
  const look = lookOf(waits ? "scheduled" : "queued");
  yield {
    key: "wait",
    name: waits ? "not due" : "queued",
    words: look.word,
    from: created,
    until: Math.max(created, first),
    token: look.token,
    shape: undefined,
    busy: true,
  };
}

function attemptBar({ number, outcome, startedAt, finishedAt }: Attempt, end: number): Bar {
  const { token, shape, word } = lookOf(outcome);
  return {
    key: `attempt ${number} ${startedAt}`,
    name: `try ${number}`,
    words: word,
    from: Date.parse(startedAt),
    until: finishedAt ? Date.parse(finishedAt) : end,
    busy: true,
    ...{ token, shape },
  };
}

function stepBar({ name, ordinal, kind, startedAt, finishedAt }: RunStep, end: number): Bar {
  const waiting = finishedAt === null;
  // While a step sleeps, or waits for something, nobody does anything.
  const busy = kind === "step" || kind === "effect" || kind === "transaction";
  const { shape, word } = lookOf(waiting ? "waiting" : "completed");
  const { token } = lookOf(waiting || !busy ? "waiting" : "completed");
  return {
    key: `step ${name} ${ordinal}`,
    name: `${ordinal > 1 ? `${name} (${ordinal})` : name}${kind === "step" ? "" : ` · ${kind}`}`,
    words: word,
    from: Date.parse(startedAt),
    // A sleep that is on record ends when it is due, which may lie ahead.
    until: Math.max(Date.parse(startedAt), waiting ? end : Math.min(end, Date.parse(finishedAt))),
    ...{ token, shape, busy },
  };
}
