/** A piece of time in which something happened, in milliseconds. */
export interface Span {
  from: number;
  until: number;
}

export interface Fold extends Span {
  /** Where it is drawn, 0 to 1. */
  left: number;
  width: number;
}

/** Where an instant is drawn, 0 to 1, and where the time in which nothing happened was folded. */
export interface FoldedTime {
  at: (instant: number) => number;
  folds: readonly Fold[];
}

/** A pause that is longer than all that happened, by this much, would leave nothing of it to be seen. */
const FOLD_BEYOND = 0.5;
/** What is drawn of one, as a share of what happened. */
const FOLDED = 0.12;

/**
 * A scale of time on which long pauses are short: five minutes of waiting between two attempts of 0.2 s say no more than that there were five minutes.
 */
export function foldedTime(spans: readonly Span[]): FoldedTime {
  const busy = merged(spans);
  const worked = busy.reduce((sum, { from, until }) => sum + (until - from), 0) || 1;
  const pieces: (Span & { drawn: number; folded: boolean })[] = [];
  for (const [index, span] of busy.entries()) {
    const before = busy[index - 1];
    if (before && span.from > before.until) {
      const long = span.from - before.until;
      const folded = long > worked * FOLD_BEYOND;
      pieces.push({
        ...{ from: before.until, until: span.from, folded },
        drawn: folded ? worked * FOLDED : long,
      });
    }
    pieces.push({ ...span, drawn: span.until - span.from, folded: false });
  }
  const whole = pieces.reduce((sum, { drawn }) => sum + drawn, 0) || 1;
  const folds: Fold[] = [];
  /** Where each piece begins to be drawn. */
  const lefts: number[] = [];
  let drawn = 0;
  for (const piece of pieces) {
    const { from, until } = piece;
    if (piece.folded) folds.push({ from, until, left: drawn / whole, width: piece.drawn / whole });
    lefts.push(drawn);
    drawn += piece.drawn;
  }
  return {
    folds,
    at: (instant) => {
      const index = lastBefore(pieces, instant);
      const piece = pieces[index];
      if (!piece) return 0;
      const share = Math.min(1, (instant - piece.from) / (piece.until - piece.from || 1));
      return (lefts[index]! + piece.drawn * share) / whole;
    },
  };
}

/** The last piece that has begun before an instant; -1 for none. They follow each other, and are as many as steps may be. */
function lastBefore(pieces: readonly Span[], instant: number): number {
  let [from, to] = [0, pieces.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (pieces[middle]!.from < instant) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

/** Without overlaps, in their order. */
export function merged(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && span.from <= last.until) last.until = Math.max(last.until, span.until);
    else result.push({ ...span });
  }
  return result;
}
