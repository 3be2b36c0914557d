import { expect, test } from "vitest";
import {
  type QueueLoad,
  type LoadTrend,
  type ScalingMemory,
  holdWorkers,
  trendOf,
  workersWanted,
} from "./scaling.ts";

const QUIET: QueueLoad = {
  waiting: 0,
  urgentRate: 0,
  running: 0,
  usuallyRunning: 0,
  arrivalRate: 0,
  startRate: 0,
  workers: 0,
  slots: 10,
  limit: null,
};

const POLICY = { min: 1, max: 8, holdMs: 60_000 };

test("nothing to do wants nobody, and the first run somebody", () => {
  expect(workersWanted(QUIET)).toBe(0);
  expect(workersWanted({ ...QUIET, waiting: 1 })).toBe(1);
  expect(workersWanted({ ...QUIET, running: 25, workers: 3 })).toBe(2.5);
});

test("runs that hold every slot for long want twice the workers while more wait", () => {
  expect(workersWanted({ ...QUIET, waiting: 5, running: 20, workers: 2 })).toBe(4);
});

test("start deadlines ask for more than the backlog alone", () => {
  const rates = { startRate: 10, arrivalRate: 10, usuallyRunning: 10 };
  const busy = { ...QUIET, ...rates, waiting: 600, running: 10, workers: 1 };
  expect(workersWanted(busy)).toBeCloseTo(20 / 8);
  expect(workersWanted({ ...busy, urgentRate: 60 })).toBeCloseTo(70 / 8);
});

test("a limit of the queue wants no more workers than it lets have runs", () => {
  const load = { ...QUIET, waiting: 10_000, running: 20, workers: 2, limit: 20 };
  expect(workersWanted(load)).toBe(2);
});

test("workers go up at once, and down when it was quiet for the hold", () => {
  let memory: ScalingMemory = [];
  const at = (ms: number, wanted: number) => {
    const next = holdWorkers(memory, wanted, ms, POLICY);
    memory = next.memory;
    return next.workers;
  };
  expect(at(0, 0)).toBe(1);
  expect(at(5000, 4.2)).toBe(5);
  expect(at(6000, 99)).toBe(8);
  expect(at(65_000, 2)).toBe(8);
  expect(at(66_000, 2)).toBe(2);
});

/** Workers as they are seen from the database: a start takes a while, and the pace is an average over half a minute. */
function simulate(arrivals: (second: number) => number, seconds: number) {
  const RUN_SECONDS = 2;
  const SLOTS = 10;
  let memory: ScalingMemory = [];
  let workers = 1;
  let wanted = 1;
  let waiting = 0;
  let trend: LoadTrend | undefined;
  let startRate = 0;
  let started = 0;
  const coming: { at: number; workers: number }[] = [];
  const running: { until: number; runs: number }[] = [];
  const seen: { workers: number; waiting: number }[] = [];
  for (let second = 0; second < seconds; second++) {
    waiting += arrivals(second);
    while (running[0] && running[0].until <= second) running.shift();
    while (coming[0] !== undefined && coming[0].at <= second) workers = coming.shift()!.workers;
    const busy = running.reduce((sum, { runs }) => sum + runs, 0);
    const starts = Math.max(0, Math.min(waiting, workers * SLOTS - busy));
    waiting -= starts;
    started += starts;
    running.push({ until: second + RUN_SECONDS, runs: starts });
    seen.push({ workers, waiting });
    if (second % 5 !== 4) continue;
    startRate = 0.7 * startRate + 0.3 * (started / 5);
    started = 0;
    const load = { ...QUIET, waiting, running: busy, startRate, workers, slots: SLOTS };
    trend = trendOf(load, trend, 5);
    const next = holdWorkers(memory, workersWanted({ ...load, ...trend }), second * 1000, POLICY);
    memory = next.memory;
    if (next.workers !== wanted) coming.push({ at: second + 3, workers: next.workers });
    wanted = next.workers;
  }
  return seen;
}

/** How often it turned from up to down or back. */
function turns(seen: readonly { workers: number }[]): number {
  let count = 0;
  let direction = 0;
  for (let second = 1; second < seen.length; second++) {
    const step = Math.sign(seen[second]!.workers - seen[second - 1]!.workers);
    if (step === 0) continue;
    if (direction !== 0 && step !== direction) count++;
    direction = step;
  }
  return count;
}

/** The same numbers each time, between 0 and 1. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test("one burst: up once, down once, and what waited is done within two minutes", () => {
  const seen = simulate((second) => (second === 30 ? 3000 : 0), 600);
  expect(Math.max(...seen.map(({ workers }) => workers))).toBe(8);
  expect(turns(seen)).toBe(1);
  expect(seen.findIndex(({ waiting }, second) => second > 30 && waiting === 0)).toBeLessThan(150);
  expect(seen.at(-1)!.workers).toBe(1);
});

test("a ramp up and down is followed with one turn, and the backlog stays below half a minute of runs", () => {
  const seen = simulate(
    (second) => Math.round(30 * Math.sin((Math.PI * second) / 1200) ** 2),
    1200,
  );
  expect(turns(seen)).toBeLessThanOrEqual(1);
  expect(Math.max(...seen.map(({ workers }) => workers))).toBeGreaterThanOrEqual(6);
  expect(Math.max(...seen.map(({ waiting }) => waiting))).toBeLessThan(900);
});

test("quiet stays at the least, and bursts every half minute keep their workers", () => {
  expect(turns(simulate(() => 0, 300))).toBe(0);
  const bursts = simulate((second) => (second % 30 === 0 ? 300 : 0), 900).slice(120);
  expect(turns(bursts)).toBeLessThanOrEqual(1);
});

test.each([1, 2, 3, 4, 5])("a steady load with noise (seed %i) does not flap", (seed) => {
  const next = chance(seed);
  const seen = simulate(() => Math.round(20 * (0.5 + next())), 1200).slice(180);
  const used = seen.map(({ workers }) => workers);
  expect(Math.max(...used) - Math.min(...used)).toBeLessThanOrEqual(2);
  expect(turns(seen)).toBeLessThanOrEqual(4);
});
