import { STEP_LIMITS, type ValueLimits, byteLength, toStepText } from "@millrace/core";
import { asFinal, refusal } from "./refusal.ts";

/** What a run may still keep of its steps. */
export class StepBudget {
  readonly #warn: (message: string) => void;
  readonly #limits: ValueLimits;
  /** Said of what is too large; a store would take it. */
  readonly #hint: string;
  #steps = 0;
  #bytes = 0;

  /**
   * @param warn told once, when there are many
   * @param limits where there is a store for what is large
   */
  constructor(warn: (message: string) => void, limits?: ValueLimits) {
    this.#warn = warn;
    this.#limits = limits ?? STEP_LIMITS;
    this.#hint = limits
      ? ""
      : "have workers keep larger values in a store (MILLRACE_VALUE_STORE=file:///folder or s3://bucket/prefix), or ";
  }

  /** Counts steps that are on record. */
  add(steps: number): void {
    this.#steps += steps;
  }

  /** Counts what is on record, or has come, and answers whether that is as much as a run may keep. */
  fits(value: string): boolean {
    this.#bytes += byteLength(value);
    return this.#bytes <= this.#limits.runBytes;
  }

  /**
   * Counts a step that is new, unless it fails.
   *
   * @throws MillraceError `too_many_steps`
   */
  async counted<T>(work: () => Promise<T>): Promise<T> {
    const { steps, warnSteps } = STEP_LIMITS;
    if (this.#steps >= steps) {
      throw refusal(
        "too_many_steps",
        `a run may have ${steps} steps, and this one has them; let it start another run for the rest`,
      );
    }
    this.#steps++;
    if (this.#steps === warnSteps) {
      this.#warn(
        `the run has ${warnSteps} steps, each of which is read when it is resumed; ${steps} are allowed`,
      );
    }
    try {
      return await work();
    } catch (error) {
      this.#steps--;
      throw error;
    }
  }

  /**
   * The text of what a step gave.
   *
   * @param most of one that cannot be kept in a store
   * @throws MillraceError `invalid_json`, `step_too_large`
   */
  admit(value: unknown, what: string, most?: number): string {
    const { runBytes } = this.#limits;
    const valueBytes = most ?? this.#limits.valueBytes;
    const hint = most === undefined ? this.#hint : "";
    const text = asFinal(() => toStepText(value, what));
    const bytes = byteLength(text);
    if (bytes > valueBytes) {
      throw refusal(
        "step_too_large",
        `${what} gave ${bytes} bytes, and ${valueBytes} are allowed; ${hint}store the data and return a reference to it`,
      );
    }
    if (this.#bytes + bytes > runBytes) {
      throw refusal(
        "step_too_large",
        `${what} gave ${bytes} bytes, and with those of the other steps the run would have more than ${runBytes}; ${hint}store the data and return references to it`,
      );
    }
    this.#bytes += bytes;
    return text;
  }
}
