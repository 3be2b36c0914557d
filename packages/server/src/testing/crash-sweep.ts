import { isDeepStrictEqual } from "node:util";
import type { CrashPoint, Fate } from "./crash-points.ts";
import type { TestRun } from "./test-run.ts";

const FATES: readonly Fate[] = ["dies before", "dies after", "is taken for dead before"];

/** How a run is tried with crashes. */
export interface CrashOptions<Output = unknown> {
  /** Called when it waits, to let it go on: sends its events, lets time pass. Called once for each try. */
  drive?: (run: TestRun<Output>) => Promise<unknown>;
  /** Called before each try: makes the world as it was. */
  reset?: () => unknown;
  /** What the run has done to the world; it must be the same after every try. */
  effects?: () => unknown;
  /** What of the run must be the same after every try. Default: its state and its output. */
  outcome?: (run: TestRun<Output>) => unknown;
}

/** One way that a run went. */
export interface Try<Output = unknown> {
  readonly run: TestRun<Output>;
  /** What its worker wrote. */
  readonly writes: readonly string[];
}

/**
 * Tries a run without a crash, and then with one at every point: before and after each write of its worker, and with a worker that goes
 * on though another has taken its run.
 *
 * @returns how many crashes that were
 * @throws Error that names the point at which outcome or effects differ, with both
 */
export async function sweepCrashes<Output>(
  attempt: (point: CrashPoint | undefined) => Promise<Try<Output>>,
  options: CrashOptions<Output>,
): Promise<number> {
  const { reset, effects, outcome = ({ state, output }) => ({ state, output }) } = options;
  const seen = async (point: CrashPoint | undefined) => {
    await reset?.();
    const { run, writes } = await attempt(point);
    return { writes, result: { outcome: outcome(run), effects: await effects?.() } };
  };
  const { writes, result } = await seen(undefined);
  let crashes = 0;
  for (const [index, name] of writes.entries()) {
    for (const fate of FATES) {
      const { result: other } = await seen({ write: index + 1, fate });
      crashes++;
      if (isDeepStrictEqual(other, result)) continue;
      throw new Error(
        `when the worker ${fate} write ${index + 1} of ${writes.length} (${name}), it comes to something else:\n  ${shown(other)}\ninstead of\n  ${shown(result)}`,
      );
    }
  }
  return crashes;
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "bigint" ? `${item}n` : item,
  );
}
