import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { Bench } from "./model/bench.ts";
import { tryRaces } from "./model/races.ts";
import { tryLife } from "./model/try-life.ts";
import { Turns } from "./model/turns.ts";

async function openBench(): Promise<{ bench: Bench; url: string }> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const bench = await Bench.open(url);
  onTestFinished(() => bench.close());
  return { bench, url };
}

// The same cases each time, as many as the time allows; `npm run faults:model` tries others, and more.
test("whatever is done to runs in whatever order, model and database agree after each step", async () => {
  const { bench } = await openBench();
  expect(await tryLife(bench, { runs: 25, seed: 1, endAfterMs: 15_000 })).toBeGreaterThan(0);
}, 120_000);

test("whatever the order of the statements of operations that race, each was told what is on record", async () => {
  const { bench, url } = await openBench();
  const turns = await Turns.open(url, 3);
  onTestFinished(() => turns.close());
  const options = { runs: 60, seed: 1, endAfterMs: 15_000 };
  expect(await tryRaces(bench, turns, options)).toBeGreaterThan(0);
}, 120_000);
