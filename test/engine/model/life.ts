import type { FinalState } from "@millrace/core";
import type { Job, Queue } from "./bench.ts";

/** Where a run stands, as the model has it. */
export type Place =
  | { at: "ready" }
  | { at: "timer"; due: boolean }
  | { at: "lease"; lease: number }
  | { at: "end"; state: FinalState };

export type LetterState = "open" | "rerun" | "dismissed";

export interface ModelRun {
  id: string;
  job: Job;
  queue: Queue;
  priority: number;
  place: Place;
  failures: number;
  losses: number;
  /** How its attempts ended, the first one first. */
  outcomes: ("completed" | "failed" | "lost" | "cancelled" | "released")[];
  unwanted: boolean;
  letter: LetterState | undefined;
}

/** A run in the hands of a worker, once and for all: what became of it since is known only to the model. */
export interface Holding {
  worker: number;
  lease: number;
  run: string;
  /** From 1. */
  attempt: number;
}

export interface ModelWorker {
  id: number;
  state: "active" | "lost" | "gone";
  /** Its counter. */
  beat: number;
}

/** The life of runs as it should be: what the engine does to its tables, done to a few objects. */
export class Life {
  readonly runs = new Map<string, ModelRun>();
  readonly keys = new Map<string, { run: string; input: string }>();
  readonly holdings: Holding[] = [];
  /** Those that live. */
  readonly workers: ModelWorker[] = [];
  /** Those that were declared lost, or have gone. */
  readonly former: ModelWorker[] = [];
  readonly paused = new Set<Queue>();
  /** How often attempts and runs have ended so, completions apart, which no statement notes. */
  readonly ends: Record<string, number> = {};
  /** So many log lines were kept. */
  lines = 0;

  accept(run: Pick<ModelRun, "id" | "job" | "queue" | "priority">, place: Place): void {
    this.runs.set(run.id, {
      ...run,
      place,
      failures: 0,
      losses: 0,
      outcomes: [],
      unwanted: false,
      letter: undefined,
    });
  }

  /** Runs that a worker of all queues and jobs may claim. */
  get claimable(): ModelRun[] {
    return this.standing("ready").filter((run) => !this.paused.has(run.queue));
  }

  standing(at: Place["at"]): ModelRun[] {
    return [...this.runs.values()].filter((run) => run.place.at === at);
  }

  claim(worker: number, lease: number, id: string): void {
    const run = this.runs.get(id)!;
    run.place = { at: "lease", lease };
    this.holdings.push({ worker, lease, run: id, attempt: run.outcomes.length + 1 });
  }

  /** Whether the holding is still one. */
  holds({ lease, run }: Holding): boolean {
    const { place } = this.runs.get(run)!;
    return place.at === "lease" && place.lease === lease;
  }

  end(run: ModelRun, outcome: ModelRun["outcomes"][number], place: Place): void {
    run.outcomes.push(outcome);
    run.place = place;
    if (outcome === "failed") run.failures++;
    if (outcome === "lost") run.losses++;
    if (place.at === "end" && place.state === "failed") run.letter = "open";
    if (place.at === "end") this.#count(place.state);
    else if (outcome !== "released") this.#count(outcome === "failed" ? "retried" : outcome);
  }

  cancel(run: ModelRun): void {
    run.place = { at: "end", state: "cancelled" };
    this.#count("cancelled");
  }

  /** All that workers hold who are lost or gone. */
  takeBack(): void {
    for (const holding of this.holdings) {
      const isFormer = this.former.some(({ id }) => id === holding.worker);
      if (!isFormer || !this.holds(holding)) continue;
      const run = this.runs.get(holding.run)!;
      if (run.unwanted) this.end(run, "lost", { at: "end", state: "cancelled" });
      else this.end(run, "lost", { at: "ready" });
    }
  }

  #count(outcome: string): void {
    if (outcome !== "completed") this.ends[outcome] = (this.ends[outcome] ?? 0) + 1;
  }
}
