import fc from "fast-check";
import type { Bench } from "./bench.ts";
import { type Real, allCommands } from "./commands.ts";
import { type TryOptions, assertInPortions } from "./in-portions.ts";
import { Life } from "./life.ts";

const WORKERS = 4;

/**
 * Does things to runs in an order of chance, one after the other, and compares model and database after each.
 *
 * @returns how many cases were tried
 * @throws Error with the seed, the path of the case, and the shortest list of commands that was found to fail
 */
export function tryLife(bench: Bench, options: TryOptions): Promise<number> {
  const agrees = fc.asyncProperty(allCommands(60), async (commands) => {
    await bench.clear();
    const life = new Life();
    for (let n = 0; n < WORKERS; n++) {
      life.workers.push({ id: await bench.worker(), state: "active", beat: 0 });
    }
    const real: Real = { bench, claimers: new Map() };
    await fc.asyncModelRun(() => ({ model: life, real }), commands);
  });
  return assertInPortions(agrees, options);
}
