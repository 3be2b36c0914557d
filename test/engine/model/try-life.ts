import fc from "fast-check";
import type { Bench } from "./bench.ts";
import { type Real, allCommands } from "./commands.ts";
import { Life } from "./life.ts";

const WORKERS = 4;

export interface TryOptions {
  runs: number;
  seed: number;
  /** Stops after the case under way. */
  endAfterMs?: number;
}

/**
 * Does things to runs in an order of chance, one after the other, and compares model and database after each.
 *
 * @returns how many cases were tried
 * @throws Error with the seed, the path of the case, and the shortest list of commands that was found to fail
 */
export async function tryLife(bench: Bench, options: TryOptions): Promise<number> {
  let cases = 0;
  await fc.assert(
    fc.asyncProperty(allCommands(60), async (commands) => {
      cases++;
      await bench.clear();
      const life = new Life();
      for (let n = 0; n < WORKERS; n++) {
        life.workers.push({ id: await bench.worker(), state: "active", beat: 0 });
      }
      const real: Real = { bench, claimers: new Map() };
      await fc.asyncModelRun(() => ({ model: life, real }), commands);
    }),
    fastCheck(options),
  );
  return cases;
}

/** What fast-check is told; a time limit that interrupts is no failure. */
export function fastCheck({ runs, seed, endAfterMs }: TryOptions): fc.Parameters<unknown> {
  return {
    numRuns: runs,
    seed,
    ...(endAfterMs !== undefined && { interruptAfterTimeLimit: endAfterMs }),
  };
}
