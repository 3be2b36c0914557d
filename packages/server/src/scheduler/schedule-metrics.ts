import type { Fired } from "../engine/schedule/fire.ts";
import { Counter, Histogram, type Registry } from "../telemetry/metrics.ts";

/** What a scheduler counts of the occurrences that it has decided. */
export class ScheduleMetrics {
  readonly #lateness: Histogram;
  readonly #occurrences: Counter<"outcome">;
  readonly #late: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lateness = new Histogram({
      name: "millrace_schedule_lateness_seconds",
      help: "Time from when an occurrence was to fire to its run being written, by the database's clock; those that were missed not counted",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.#occurrences = new Counter({
      name: "millrace_occurrences_total",
      help: "Occurrences of schedules that this process has decided, by outcome",
      labelNames: ["outcome"],
      registers,
    });
    this.#late = new Counter({
      name: "millrace_occurrences_late_total",
      help: "Occurrences whose run had not started within the grace of their schedule",
      registers,
    });
  }

  readonly fired = ({ outcomes }: Fired): void => {
    for (const { outcome, missed, lateMs } of outcomes) {
      this.#occurrences.inc({ outcome: outcome.replace(" ", "_") });
      if (outcome === "fired" && !missed) this.#lateness.observe({}, lateMs / 1000);
    }
  };

  readonly late = (occurrences: number): void => this.#late.inc({}, occurrences);
}
