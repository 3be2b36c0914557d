import type { Handled } from "../engine/advance-operation.ts";
import { Counter, type Registry } from "../telemetry/metrics.ts";

/** What the operation runner of this process did. How many operations there are is counted with the runs that wait. */
export class OperationMetrics {
  readonly #members: Counter<"kind" | "outcome">;

  constructor(registry: Registry) {
    this.#members = new Counter({
      name: "millrace_operation_members_total",
      help: "Dead letters that operations have handled in this process",
      labelNames: ["kind", "outcome"],
      registers: [registry],
    });
  }

  readonly handled = ({ kind, ...outcomes }: Handled): void => {
    for (const [outcome, members] of Object.entries(outcomes)) {
      this.#members.inc({ kind, outcome }, members);
    }
  };
}
