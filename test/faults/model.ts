/**
 * `npm run faults:model -- --runs 1000 --seed 1 --minutes 10`: so many histories of runs, and so many races of operations
 * whose statements meet in an order of chance, each against a model. Ends earlier when the minutes are over. Exit
 * code 1, with the seed and the shortest trace that was found, when model and database differ.
 */
import { Bench } from "../engine/model/bench.ts";
import { tryRaces } from "../engine/model/races.ts";
import type { TryOptions } from "../engine/model/in-portions.ts";
import { tryLife } from "../engine/model/try-life.ts";
import { Turns } from "../engine/model/turns.ts";
import { numbersAsked, scriptDatabase } from "./harness/script.ts";

async function main(): Promise<number> {
  const { runs, seed, minutes } = numbersAsked({
    runs: 1000,
    seed: 1 + (Date.now() % 1_000_000),
    minutes: 600,
  });
  console.log(`seed ${seed}`);
  const database = await scriptDatabase();
  const bench = await Bench.open(database.url);
  const turns = await Turns.open(database.url, 3);
  // Each of the two has half of the time.
  const options: TryOptions = { runs, seed, endAfterMs: minutes * 30_000 };
  try {
    await timed("histories", () => tryLife(bench, options));
    await timed("races", () => tryRaces(bench, turns, options));
    return 0;
  } catch (error) {
    console.log(error instanceof Error ? error.message : String(error));
    if (error instanceof Error && error.cause) console.log(error.cause);
    return 1;
  } finally {
    await turns.close();
    await bench.close();
    await database.close();
  }
}

async function timed(what: string, work: () => Promise<number>): Promise<void> {
  const begun = performance.now();
  const cases = await work();
  console.log(
    `${cases} ${what} in ${((performance.now() - begun) / 1000).toFixed(1)} s: no difference`,
  );
}

process.exitCode = await main();
