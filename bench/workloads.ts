import type { Bench } from "./bench.ts";
import { backlog } from "./workloads/backlog.ts";
import { enqueue } from "./workloads/enqueue.ts";
import { history } from "./workloads/history.ts";
import { latency } from "./workloads/latency.ts";
import { memory } from "./workloads/memory.ts";
import { payload } from "./workloads/payload.ts";
import { processing } from "./workloads/processing.ts";
import { single } from "./workloads/single.ts";
import { snapshot } from "./workloads/snapshot.ts";
import { steady } from "./workloads/steady.ts";
import { steps } from "./workloads/steps.ts";
import { workers } from "./workloads/workers.ts";

export interface Workload {
  /** For `--only`. */
  name: string;
  /** Opens contenders, measures them, records the figures, closes them. */
  run(bench: Bench): Promise<void>;
}

export const WORKLOADS: readonly Workload[] = [
  { name: "enqueue", run: enqueue },
  { name: "single", run: single },
  { name: "process", run: processing },
  { name: "steady", run: steady },
  { name: "steps", run: steps },
  { name: "latency", run: latency },
  { name: "backlog", run: backlog },
  { name: "history", run: history },
  { name: "snapshot", run: snapshot },
  { name: "workers", run: workers },
  { name: "payload", run: payload },
  { name: "memory", run: memory },
];
