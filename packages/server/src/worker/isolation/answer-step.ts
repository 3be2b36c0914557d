import { MillraceError, toFailure } from "@millrace/core";
import type { AttemptContext } from "../attempt-context.ts";
import type { StepAnswer, StepQuestion } from "./protocol.ts";

/** Answers what a step asks from a place of its own. Never rejects: an attempt that has lost its run is told to stop, too. */
export async function answerStep(
  question: StepQuestion,
  { checkpoints }: AttemptContext,
): Promise<StepAnswer> {
  const { id } = question;
  try {
    return "read" in question
      ? { id, read: await checkpoints.read() }
      : { id, kept: await checkpoints.keep(question.keep) };
  } catch (error) {
    const code = error instanceof MillraceError ? error.code : null;
    return { id, failed: { code, message: toFailure(error).message } };
  }
}
