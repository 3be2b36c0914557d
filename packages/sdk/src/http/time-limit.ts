/** A signal that is aborted after a time. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** Ends the time, when what it was for is over. */
  clear(): void;
}

/**
 * A signal that is aborted with a `TimeoutError` after so many milliseconds, or, with its reason, when another one is. Not
 * `AbortSignal.any([AbortSignal.timeout(ms), other])`: in Node 20 nothing holds the signal of the time, so that it goes with the garbage and
 * is never aborted. Here the timer does.
 */
export function timeLimit(ms: number, other?: AbortSignal): TimeLimit {
  const over = new AbortController();
  const timer = setTimeout(() => {
    over.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  }, ms);
  return {
    signal: other ? AbortSignal.any([other, over.signal]) : over.signal,
    clear: () => clearTimeout(timer),
  };
}
