import { mayHoldSealed } from "../security/sealed-content.ts";
import type { WorstErrorRow } from "../store/moments.ts";

const MOST_LETTERS = 500;

/**
 * What runs said that failed alike, for what is kept as it is now: nothing of a run that is about somebody, for when they are erased nobody looks there.
 *
 * @returns the first line; null where it is left out
 */
export function ownMessage({
  error_message: message,
  of_subject: isOfSubject,
}: Pick<WorstErrorRow, "error_message" | "of_subject">): string | null {
  return message === null || isOfSubject || mayHoldSealed(message) ? null : firstLine(message);
}

export function firstLine(message: string): string {
  const [line = ""] = message.split("\n");
  return line.length > MOST_LETTERS ? `${line.slice(0, MOST_LETTERS)}…` : line;
}
