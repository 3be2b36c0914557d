import { MillraceError } from "@millrace/core";
import type { AnyJob } from "./job.ts";
import { inputTexts } from "./step/child-options.ts";

const MARK = Symbol.for("millrace.Continuation");

/** What a handler returns that continues its run as a new one. */
export class Continuation {
  readonly [MARK] = true;
  /** JSON text; the job's schema has seen it. */
  readonly input: string;

  constructor(input: string) {
    this.input = input;
  }
}

/** See {@link Context.continueAsNew}. What it gives is to be returned, and is no output: so it counts as none in types. */
export type ContinueAsNew<Input> = (
  ...[input]: void extends Input ? [input?: Exclude<Input, void>] : [input: Input]
) => Promise<never>;

/** Whether a handler has returned a continuation; it may come from another copy of this package. */
export function isContinuation(value: unknown): value is Continuation {
  return typeof value === "object" && value !== null && MARK in value;
}

/** The continuing of one attempt's run. */
export class Continuing {
  // oxlint-disable-next-line typescript/no-explicit-any -- of which job it is, the context says
  readonly continueAsNew: ContinueAsNew<any>;
  #asked = 0;

  /** @param job asked for when the handler continues its run */
  constructor(job: () => AnyJob) {
    this.continueAsNew = async (input) => {
      this.#asked++;
      try {
        const [text] = await inputTexts(job(), [input ?? {}], "continueAsNew");
        return new Continuation(text!) as never;
      } catch (error) {
        this.#asked--;
        throw error;
      }
    };
  }

  /** @throws MillraceError `invalid_job` when the handler has continued its run, and not returned that */
  requireReturned(value: unknown): void {
    if (this.#asked === 0 || isContinuation(value)) return;
    throw new MillraceError(
      "invalid_job",
      "the handler has called ctx.continueAsNew, and returned something else; write return ctx.continueAsNew(input)",
    );
  }
}
