import { Counter, Gauge, type Registry } from "../telemetry/metrics.ts";
import type { Pruned } from "./prune.ts";

/** What the pruner of this process did. */
export class PruneMetrics {
  readonly #partitions: Counter<"table">;
  readonly #bytes: Counter;
  readonly #runs: Counter;
  readonly #operations: Counter;
  readonly #postponed: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#partitions = new Counter({
      name: "millrace_pruned_partitions_total",
      help: "Partitions of the history that this process dropped",
      labelNames: ["table"],
      registers,
    });
    this.#bytes = new Counter({
      name: "millrace_pruned_bytes_total",
      help: "Bytes of the partitions that this process dropped",
      registers,
    });
    this.#runs = new Counter({
      name: "millrace_pruned_runs_total",
      help: "Runs that this process erased one by one, because their job keeps them for less than others",
      registers,
    });
    this.#operations = new Counter({
      name: "millrace_pruned_operations_total",
      help: "Operations that had ended and that this process erased with their members",
      registers,
    });
    this.#postponed = new Gauge({
      name: "millrace_prune_postponed",
      help: "Partitions that the last sweep could not drop because somebody held the table",
      registers,
    });
  }

  readonly pruned = ({ dropped, runs, operations, postponed }: Pruned): void => {
    for (const { table, bytes } of dropped) {
      this.#partitions.inc({ table });
      this.#bytes.inc({}, bytes);
    }
    this.#runs.inc({}, runs);
    this.#operations.inc({}, operations);
    this.#postponed.set({}, postponed.length);
  };
}
