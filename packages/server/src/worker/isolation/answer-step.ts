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
    if ("read" in question) return { id, read: await checkpoints.read() };
    if ("note" in question) return { id, noted: await checkpoints.note(question.note) };
    if ("isKept" in question) return { id, wasKept: await checkpoints.isKept(question.isKept) };
    if ("ask" in question) return { id, asked: await checkpoints.ask(question.ask) };
    if ("link" in question) return { id, linked: await checkpoints.link(question.link) };
    if ("take" in question) {
      return { id, took: await checkpoints.take(question.take, question.seq) };
    }
    if ("tell" in question) {
      await checkpoints[question.tell]();
      return { id, done: true };
    }
    if ("publish" in question) {
      await checkpoints.publish(question.publish);
      return { id, published: true };
    }
    await checkpoints.keep(question.keep);
    return { id, kept: true };
  } catch (error) {
    const code = error instanceof MillraceError ? error.code : null;
    return { id, failed: { code, message: toFailure(error).message } };
  }
}
