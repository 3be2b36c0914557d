import type { Attempt, Run, RunStep } from "@millrace/core/api";
import { useMemo } from "preact/hooks";
import { Icon, type IconName } from "../../design/icon.tsx";
import { lookOf } from "../../design/states.ts";
import { lengthInWords, now } from "../../parts/moment.ts";
import { type Fold, type FoldedTime, type Span, foldedTime, merged } from "./folded-time.ts";
import { ScrolledRows } from "./scrolled-rows.tsx";
import type { StepList } from "./step-list.ts";

interface Bar {
  name: string;
  /** What happened, in words. */
  words: string;
  from: number;
  until: number;
  token: string;
  shape: IconName | undefined;
}

/** What a bar and the gap below it take, in pixels. */
const ROW = 26;
/** So many rows are seen without scrolling: see `.scrolled`. */
const SHOWN_AT_ONCE = 16;
/** More folds are not drawn in a row, nor told of below: who folds so often sees nothing of each. */
const MOST_FOLDS = 40;
const MOST_FOLDS_TOLD = 8;

/**
 * When the run waited, was tried, and what its steps took; pauses in which nothing happened are folded. What is on the screen is drawn, and
 * those of many steps that were not read yet are read when somebody scrolls there.
 */
export function Waterfall({ run, steps }: { run: Run; steps: StepList }) {
  const end = run.finishedAt ? Date.parse(run.finishedAt) : now.value;
  const bars = useMemo(
    () =>
      [...waitBars(run, end), ...run.attempts.map((one) => attemptBar(one, end))].sort(
        (a, b) => a.from - b.from,
      ),
    [run, end],
  );
  // They may be many, and are as they are while the time of an attempt under way goes on.
  const worked = useMemo(() => merged([...workOf(steps)]), [steps.state]);
  const time = useMemo(() => foldedTime([...bars, ...worked]), [bars, worked]);
  const folds = useMemo(
    () => time.folds.toSorted((a, b) => b.until - b.from - (a.until - a.from)),
    [time],
  );
  const count = bars.length + steps.length;
  const row = (index: number) => {
    const step = steps.at(index - bars.length);
    const bar = bars[index] ?? (step && stepBar(step, end));
    return bar ? <BarRow {...{ bar, time }} folds={folds.slice(0, MOST_FOLDS)} /> : <Unread />;
  };
  return (
    <section class="waterfall" aria-label="When what happened">
      <ScrolledRows
        label={`${counted(run.attempts.length, "try", "tries")}, ${counted(steps.length, "step", "steps")}`}
        {...{ count, row }}
        height={ROW}
        onShow={(from, to) => steps.need(from - bars.length, to - bars.length)}
      />
      {count > SHOWN_AT_ONCE && (
        <p class="muted">
          {counted(run.attempts.length, "try", "tries")}, {counted(steps.length, "step", "steps")}
        </p>
      )}
      {steps.trouble && (
        <p class="muted" role="status">
          Some steps could not be read: {steps.trouble.detail}
        </p>
      )}
      {folds.length > 0 && (
        <p class="muted">
          Folded where nothing happened:{" "}
          {folds
            .slice(0, MOST_FOLDS_TOLD)
            .sort((a, b) => a.from - b.from)
            .map(({ from, until }) => lengthInWords(until - from))
            .join(", ")}
          {folds.length > MOST_FOLDS_TOLD &&
            `, and ${(folds.length - MOST_FOLDS_TOLD).toLocaleString("en")} that are shorter`}
        </p>
      )}
    </section>
  );
}

function counted(many: number, one: string, more: string): string {
  return `${many.toLocaleString("en")} ${many === 1 ? one : more}`;
}

function BarRow({ bar, time, folds }: { bar: Bar; time: FoldedTime; folds: readonly Fold[] }) {
  return (
    <>
      <span class="waterfall-name" title={bar.name}>
        {bar.name}
      </span>
      <span class="waterfall-track" aria-hidden="true">
        {folds.map(({ from, left, width }) => (
          <span
            key={from}
            class="waterfall-fold"
            style={{ left: percent(left), width: percent(width) }}
          />
        ))}
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
    </>
  );
}

/** A step that is being read. */
function Unread() {
  return (
    <>
      <span class="waterfall-name muted">…</span>
      <span class="waterfall-track" />
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
    name: waits ? "not due" : "queued",
    words: look.word,
    from: created,
    until: Math.max(created, first),
    token: look.token,
    shape: undefined,
  };
}

function attemptBar({ number, outcome, startedAt, finishedAt }: Attempt, end: number): Bar {
  const { token, shape, word } = lookOf(outcome);
  return {
    name: `try ${number}`,
    words: word,
    from: Date.parse(startedAt),
    until: finishedAt ? Date.parse(finishedAt) : end,
    ...{ token, shape },
  };
}

/** While a step sleeps, or waits for something, nobody does anything. */
function isWork({ kind }: RunStep): boolean {
  return kind === "step" || kind === "effect" || kind === "transaction";
}

function* workOf(steps: StepList): Generator<Span> {
  for (const step of steps.known()) {
    if (!isWork(step) || step.finishedAt === null) continue;
    yield { from: Date.parse(step.startedAt), until: Date.parse(step.finishedAt) };
  }
}

function stepBar(step: RunStep, end: number): Bar {
  const { name, ordinal, kind, startedAt, finishedAt } = step;
  const waiting = finishedAt === null;
  const { shape, word } = lookOf(waiting ? "waiting" : "completed");
  const { token } = lookOf(waiting || !isWork(step) ? "waiting" : "completed");
  return {
    name: `${ordinal > 1 ? `${name} (${ordinal})` : name}${kind === "step" ? "" : ` · ${kind}`}`,
    words: word,
    from: Date.parse(startedAt),
    // A sleep that is on record ends when it is due, which may lie ahead.
    until: Math.max(Date.parse(startedAt), waiting ? end : Math.min(end, Date.parse(finishedAt))),
    ...{ token, shape },
  };
}
