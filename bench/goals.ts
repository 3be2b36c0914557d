import { type Results, median } from "./results.ts";
import { SUBJECTS } from "./subjects.ts";

/** What Millrace is to reach, as a ratio to what was measured beside it in the same rounds. */
export interface Verdict {
  goal: string;
  /** What was measured, in words. */
  reached: string;
  met: boolean;
}

const OURS = "millrace";
const KEEPERS = SUBJECTS.filter(({ name, keepsResults }) => keepsResults && isPeer(name)).map(
  ({ name }) => name,
);
const ON_POSTGRES = SUBJECTS.filter(({ name, store }) => store === "postgres" && isPeer(name)).map(
  ({ name }) => name,
);
const PEERS = SUBJECTS.filter(({ name }) => isPeer(name)).map(({ name }) => name);
/** Those whose acknowledgement means that the run is on disk. */
const DURABLE = [...ON_POSTGRES, "bullmq-always"];

function isPeer(name: string): boolean {
  return name !== OURS && name !== "limit";
}

/** The goals whose workloads were measured, each with what came out. */
export function judge(results: Results): Verdict[] {
  const verdicts = [
    atLeast(results, "process", KEEPERS, 3, "the best peer that keeps results"),
    atLeast(results, "process", ["graphile-worker"], 2, "graphile-worker, which keeps none"),
    atLeast(results, "process", ["celery"], 25, "Celery"),
    // By halves and as the whole cycle: insert and update of the same rows, both at once. And each half of ours beside that cycle.
    atLeast(results, "process", ["limit"], 0.6, "the limit"),
    atLeast(results, "steady", ["limit"], 0.6, "the limit"),
    ofCycle(results, "enqueue", 0.4),
    ofCycle(results, "process", 0.4),
    atLeast(results, "enqueue", PEERS, 1.5, "the best peer"),
    atLeast(results, "steady", PEERS, 2, "the best peer"),
    atLeast(results, "single-32", ["bullmq-always"], 1.5, "BullMQ with fsync always"),
    atLeast(results, "single-32", ON_POSTGRES, 20, "the best peer on PostgreSQL"),
    atLeast(results, "steps-5", ["dbos"], 10, "DBOS"),
    noSlower(results, "latency-idle-p50", DURABLE),
    atMost(results, "latency-idle-p99", 10),
    ...kept(results, "backlog-10k", /^backlog-(?!10k$)/, 0.9),
    ...kept(results, "history-none-process", /^history-(?!none).*-process$/, 0.9),
    ...kept(results, "snapshot-none", /^snapshot-held$/, 0.8),
  ];
  return verdicts.filter((verdict) => verdict !== undefined);
}

function atLeast(
  results: Results,
  workload: string,
  others: readonly string[],
  factor: number,
  whom: string,
): Verdict | undefined {
  const best = bestOf(results, workload, others, (a, b) => b - a);
  const ratio = best === undefined ? undefined : ratioOf(results, workload, best);
  if (ratio === undefined) return undefined;
  return {
    goal: `${workload}: at least ${shown(factor)} of ${whom}`,
    reached: `${shown(ratio)}${others.length > 1 ? ` of ${best}` : ""}`,
    met: ratio >= factor,
  };
}

/** Ours beside what the same driver reaches of the whole cycle, one insert and one update a run. */
function ofCycle(results: Results, workload: string, share: number): Verdict | undefined {
  const ours = results.of(workload, OURS);
  const cycle = results.of("steady", "limit");
  if (!ours || !cycle) return undefined;
  const ratio = ours.median / cycle.median;
  return {
    goal: `${workload}: at least ${shown(share)} of the limit's cycle of an insert and an update`,
    reached: shown(ratio),
    met: ratio >= share,
  };
}

function noSlower(
  results: Results,
  workload: string,
  others: readonly string[],
): Verdict | undefined {
  const best = bestOf(results, workload, others, (a, b) => a - b);
  const ours = results.of(workload, OURS);
  if (!best || !ours) return undefined;
  const theirs = results.of(workload, best)!;
  return {
    goal: `${workload}: no more than the best peer of equal durability`,
    reached: `${ours.median.toFixed(1)} ms; ${best} ${theirs.median.toFixed(1)} ms`,
    met: ours.median <= theirs.median,
  };
}

function atMost(results: Results, workload: string, ms: number): Verdict | undefined {
  const ours = results.of(workload, OURS);
  if (!ours) return undefined;
  const reached = `${ours.median.toFixed(1)} ms`;
  return { goal: `${workload}: at most ${ms} ms`, reached, met: ours.median <= ms };
}

/** What is left of our own throughput under a burden. */
function kept(results: Results, without: string, burdened: RegExp, share: number): Verdict[] {
  const base = results.rounds(without, OURS);
  if (!base) return [];
  return results.workloads
    .filter((workload) => burdened.test(workload) && results.rounds(workload, OURS))
    .map((workload) => {
      const ratio = medianRatio(results.rounds(workload, OURS)!, base);
      return {
        goal: `${workload}: at least ${shown(share)} of ${without}`,
        reached: shown(ratio),
        met: ratio >= share,
      };
    });
}

function bestOf(
  results: Results,
  workload: string,
  names: readonly string[],
  order: (a: number, b: number) => number,
): string | undefined {
  return names
    .filter((name) => results.of(workload, name))
    .sort((a, b) => order(results.of(workload, a)!.median, results.of(workload, b)!.median))[0];
}

function ratioOf(results: Results, workload: string, other: string): number | undefined {
  const ours = results.rounds(workload, OURS);
  const theirs = results.rounds(workload, other);
  return ours && theirs && medianRatio(ours, theirs);
}

/** The median of the rounds' own ratios, for both were measured in the same minute. */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  const rounds = Math.min(ours.length, theirs.length);
  return median(Array.from({ length: rounds }, (_, n) => ours[n]! / theirs[n]!));
}

function shown(ratio: number): string {
  return ratio < 1.05 ? `${Math.round(ratio * 100)} %` : `${Number(ratio.toFixed(1))} times`;
}
