import type { Checkpoints, FailedPlace, NewCheckpoint } from "./checkpoints.ts";
import { failureText } from "./step-failure.ts";
import type { StepRecord } from "./step-record.ts";

/**
 * What steps have thrown, and is not on record: it is for the record only when the handler goes on all the same, because what begins
 * then may rest on it. Otherwise the step is to be run again.
 */
export class Thrown {
  readonly #record: StepRecord;
  readonly #checkpoints: Checkpoints;
  readonly #kept: NewCheckpoint[] = [];
  #recording: Promise<void> | undefined;
  #over = false;

  constructor(record: StepRecord, checkpoints: Checkpoints) {
    this.#record = record;
    this.#checkpoints = checkpoints;
  }

  get any(): boolean {
    return this.#kept.length > 0;
  }

  async add(place: FailedPlace, startedAt: number, thrown: unknown): Promise<void> {
    const tookMs = performance.now() - startedAt;
    const { deliveries } = this.#record;
    const seq = deliveries.issue();
    await deliveries.turn(seq, false);
    this.#kept.push({ ...place, seq, tookMs, value: failureText(thrown), failed: true });
  }

  /** Records all of it. */
  async record(): Promise<void> {
    while (this.any || this.#recording) {
      this.#recording ??= this.#keep().finally(() => (this.#recording = undefined));
      await this.#recording;
    }
  }

  /** The attempt is over: the steps are to be run again. */
  close(): void {
    this.#over = true;
  }

  async #keep(): Promise<void> {
    // A handler that ends with what was thrown has ended after this.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#over) return new Promise(() => {});
    for (const failure of this.#kept.splice(0)) {
      this.#record.budget.add(1);
      await this.#checkpoints.keep(failure);
      this.#record.deliveries.recorded();
    }
  }
}
